"""A body that is read as it comes is the same as one that is read when it is there, however it is cut."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.wire import ComingJson, Invalid, coming
from lamina.wire.long_strings import LONG_STRING_BYTES_MIN, LongString, load_json
from tests.wire.test_bodies import API, BASE64, PUBLISH, WORDS_OF_THE_SENDERS, ZIP


class Landed:
    """What a place in memory gives in the end."""

    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)

    def __len__(self) -> int:
        return len(self.data)


class Place:
    """A place in memory."""

    opened = 0

    def __init__(self) -> None:
        self._data = b""
        Place.opened += 1

    def write(self, data: bytes) -> None:
        self._data += data

    def finish(self) -> Landed:
        return Landed(self._data)


def fed(body: bytes, piece_bytes: int = 10_000) -> ComingJson:
    reading = ComingJson(Place)
    for at in range(0, len(body), piece_bytes):
        reading.feed(body[at : at + piece_bytes])
    return reading


def published(body: bytes, piece_bytes: int = 10_000) -> dict[str, Any]:
    return API.parse_coming(PUBLISH, {}, fed(body, piece_bytes))


@pytest.mark.parametrize("piece_bytes", [1, 3, 4096, 100_000])
@pytest.mark.parametrize("zipped", [ZIP, ZIP[:-1], ZIP[:-2]])
def test_an_archive_lands_as_it_comes(piece_bytes: int, zipped: bytes) -> None:
    encoded = base64.b64encode(zipped).decode()
    body = json.dumps({"Description": 'a "b" \\', "Content": {"ZipFile": encoded}, "LicenseInfo": "MIT"}).encode()
    params = published(body, piece_bytes)
    assert isinstance(params["Content"]["ZipFile"], Landed)
    assert params["Content"]["ZipFile"].data == zipped
    assert {**params, "Content": None} == {
        "LayerName": "l",
        "Description": 'a "b" \\',
        "LicenseInfo": "MIT",
        "Content": None,
    }


@pytest.mark.parametrize(
    "text",
    [
        BASE64.replace("/", "\\/"),
        BASE64[:-1],
        BASE64[:100_000] + "QQ==" + BASE64[100_000:],
        BASE64 + "=",
        "A" * 200_001 + "===",
        BASE64[:100_000] + "\n" + BASE64[100_000:],
        BASE64[:100_000] + "ä" + BASE64[100_000:],
        "QR==" * 50_000,
        BASE64[:-4] + "QR==",
    ],
)
def test_what_is_no_base64_is_answered_as_ever(text: str) -> None:
    body = f'{{"Content": {{"ZipFile": "{text}"}}}}'.encode()
    assert _outcome(lambda: published(body)) == _outcome(lambda: API.parse(PUBLISH, {}, body))


def test_a_long_string_where_text_belongs_is_that_text() -> None:
    with pytest.raises(Invalid) as caught:
        published(json.dumps({"Content": {}, "Description": BASE64}).encode())
    assert f"Value '{BASE64}' at 'description'" in caught.value.message


def test_an_unfinished_long_string_is_refused() -> None:
    for end in ("", "\\", '"', '"}', '\\"}}', '"}}x'):
        with pytest.raises(Invalid):
            published(f'{{"Content": {{"ZipFile": "{BASE64}{end}'.encode())


def test_a_word_of_the_senders_own_is_not_taken_for_ours() -> None:
    for body in WORDS_OF_THE_SENDERS:
        with pytest.raises(Invalid, match="is no JSON"):
            published(body.encode())
    assert published(f'{{"Content": {{"ZipFile": "{BASE64}"}}, "Description": "NaN"}}'.encode())["Description"] == "NaN"


def test_only_inputs_with_blobs_in_json_are_read_as_they_come() -> None:
    """An invocation's payload is nothing to look into, and a configuration is never that long."""
    lines = [
        ("POST", "/2015-03-31/functions"),
        ("PUT", "/2015-03-31/functions/f/code"),
        ("POST", "/2018-10-31/layers/l/versions"),
        ("POST", "/2015-03-31/functions/f/invocations"),
        ("PUT", "/2015-03-31/functions/f/configuration"),
    ]
    assert [API.coming(API.route(*line), Place) is not None for line in lines] == [True, True, True, False, False]


def test_no_place_is_opened_for_a_body_without_a_long_string() -> None:
    before = Place.opened
    published(json.dumps({"Content": {}, "Unknown": [[{"a": "b"}] * 100] * 100}).encode())
    assert Place.opened == before


PIECES = st.integers(1, 9)
WORDS = st.sampled_from(["QUJD", "QUI=", "QQ==", "QR==", "A", "====", "\\", "é", "NaN", '"', ",", "{", "}", ":", " "])


@pytest.fixture(scope="module")
def short_is_long() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coming, "LONG_STRING_BYTES_MIN", 6)
        patch.setattr(coming, "_BEGUN_BYTES_MIN", 3)
        before = Place.opened
        yield
        assert Place.opened > before


@settings(max_examples=600, deadline=None, database=None)
@given(
    words=st.lists(WORDS, max_size=12),
    key=st.sampled_from(["a", "QUJDQUJD"]),
    after=st.sampled_from(["", ',"b":"QUJDQUJD"', ",1", "}"]),
    size=PIECES,
)
def test_reading_as_it_comes_never_changes_what_a_body_means(
    short_is_long: None, words: list[str], key: str, after: str, size: int
) -> None:
    body = f'{{"{key}": "{"".join(words)}"{after}}}'.encode()
    assert _outcome(lambda: _resolved(fed(body, size).finish()[0])) == _outcome(lambda: load_json(body)[0])


def _outcome(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Invalid as refused:
        return refused.message


def _resolved(value: Any) -> Any:
    if isinstance(value, LongString):
        return value.text()
    return {key: _resolved(held) for key, held in value.items()} if isinstance(value, dict) else value


def test_a_very_long_string_behind_many_others_is_read_whole() -> None:
    body = json.dumps({"Unknown": ["x" * 50] * 30_000, "Content": {"ZipFile": BASE64}}).encode()
    assert len(body) > 10 * LONG_STRING_BYTES_MIN
    assert published(body)["Content"]["ZipFile"] == ZIP
