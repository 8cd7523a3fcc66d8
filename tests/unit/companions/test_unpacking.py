"""Bodies that come packed: unpacked whole, or refused before they take anything."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib

import pytest

from lamina.companions import Question
from lamina.companions.unpacking import UNPACKED_BYTES_MAX, is_packed, unpacked, unpacked_bytes
from lamina.errors import ApiError

pytestmark = pytest.mark.anybody

BODY = b'{"Namespace": "n", "MetricData": []}' * 100
PACKED = gzip.compress(BODY)


def question(*pieces: bytes | bytearray, encoding: str = "gzip") -> Question:
    return Question("POST", "/", [("content-encoding", encoding), ("x-amz-target", "G.PutMetricData")], pieces)


def zeros(size: int) -> bytes:
    """So many of them packed, without ever being there."""
    pack = zlib.compressobj(wbits=31)
    return b"".join(pack.compress(bytes(1024 * 1024)) for _ in range(size // 1024 // 1024)) + pack.flush()


def outcome(asked: Question) -> bytes | int:
    """The body that it comes to, or the status that it is refused with."""
    try:
        return b"".join(unpacked(asked).body)
    except ApiError as error:
        return error.status


def refused(asked: Question) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        unpacked(asked)
    return caught.value.status, caught.value.code


def test_a_body_is_as_it_was_before_and_says_no_longer_that_it_is_packed() -> None:
    found = unpacked(question(PACKED))
    assert b"".join(found.body) == BODY
    assert found.headers == [("x-amz-target", "G.PutMetricData")]
    assert unpacked(question(gzip.compress(b""))).body == (b"",)


def test_it_is_all_one_in_which_pieces_it_came() -> None:
    pieces = [bytearray(PACKED[at : at + 1]) for at in range(len(PACKED))]
    assert unpacked_bytes(question(*pieces)) == len(BODY)
    assert b"".join(unpacked(question(PACKED[:-6], PACKED[-6:-5], PACKED[-5:])).body) == BODY


def test_only_gzip_is_unpacked_and_what_s3_keeps_is_not() -> None:
    assert is_packed(question(encoding=" GZip "), "monitoring")
    assert not is_packed(question(), "s3")
    assert not any(is_packed(question(encoding=each), "sns") for each in ("identity", "br", "gzip, gzip", ""))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        PACKED[:17],
        PACKED[:-9],
        PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:],
        b"no gzip, though it is as long as one could be",
        PACKED + PACKED,
        gzip.compress(b"") * 100 + PACKED,
        PACKED[:-4] + (len(BODY) + 1).to_bytes(4, "little"),
        zlib.compress(BODY),
    ],
    ids=["empty", "head", "cut short", "wrong sum", "text", "twice", "hundredfold", "larger on paper", "deflate"],
)
def test_what_is_not_whole_is_refused(body: bytes) -> None:
    assert refused(question(body)) in ((400, "SerializationException"), (413, "RequestEntityTooLargeException"))
    assert refused(question(BODY[:40] + len(BODY).to_bytes(4, "little"))) == (400, "SerializationException")


def test_what_comes_to_more_than_may_be_is_refused_and_is_never_held() -> None:
    bomb = zeros(64 * 1024 * 1024)
    lying = bomb[:-4] + (300_000).to_bytes(4, "little")
    tracemalloc.start()
    try:
        for each in (bomb, lying, PACKED[:-4] + (5).to_bytes(4, "little")):
            assert refused(question(each)) == (413, "RequestEntityTooLargeException")
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_what_is_large_may_be_no_multiple_of_what_was_sent_that_no_text_comes_to() -> None:
    assert refused(question(zeros(2 * 1024 * 1024)))[0] == 413
    assert len(unpacked(question(zeros(1024 * 1024))).body[0]) == 1024 * 1024
    numbers = random.Random(9)
    text = b"".join(b'{"Value": %d}' % numbers.randrange(1000) for _ in range(400_000))
    assert len(text) < UNPACKED_BYTES_MAX
    assert unpacked(question(gzip.compress(text))).body == (text,)


def test_what_is_sent_at_random_is_refused_in_words_for_its_sender() -> None:
    chance = random.Random(11)
    for _ in range(2000):
        damaged = bytearray(PACKED)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        assert outcome(question(damaged)) in (BODY, 400, 413)
