"""A stream of output and frames, cut anywhere, is the same text."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis.strategies import DrawFn, binary, booleans, composite, integers, lists, sampled_from

from lamina.runtime_api.log_frames import LogFrames, Piece

MAGIC = b"\xa5\x5a\x00"


def frame(message: bytes, level: int = 0x0F) -> bytes:
    microseconds = (1_767_323_045_678_901).to_bytes(8, "big")
    return MAGIC + bytes([level]) + len(message).to_bytes(4, "big") + microseconds + message


def read(pieces: list[bytes]) -> bytes:
    frames = LogFrames()
    return b"".join(text_of(frames.feed(piece)) for piece in pieces) + frames.flush()


def text_of(pieces: list[Piece]) -> bytes:
    return b"".join(text for text, _ in pieces)


@composite
def streams(draw: DrawFn) -> tuple[list[bytes], bytes]:
    """A stream in pieces, and the text it stands for."""
    stream, text = b"", b""
    for is_frame in draw(lists(booleans(), max_size=8)):
        # Parts of the magic number are the interesting text.
        content = b"".join(draw(lists(sampled_from([b"a", b"\n", b"\xa5", b"\x5a", b"\x00", b"long " * 20]))))
        if is_frame:
            stream += frame(content, draw(sampled_from([0x02, 0x03, 0x0F, 0x1B])))
            text += content if content.endswith(b"\n") else content + b"\n"
        else:
            # Printed by a function, the whole number would be taken for a frame, as on AWS.
            content = content.replace(MAGIC, b"a") + b"|"
            stream, text = stream + content, text + content
    cuts = sorted(draw(lists(integers(0, len(stream)), max_size=12)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)], text


@settings(max_examples=400, deadline=None, database=None)
@given(streams())
def test_cut_anywhere_it_is_the_same_text(stream: tuple[list[bytes], bytes]) -> None:
    pieces, text = stream
    assert read(pieces) == text


@settings(max_examples=200, deadline=None, database=None)
@given(lists(binary(max_size=40) | sampled_from([MAGIC, b"\xa5", b"\x5a\x00"]), max_size=12))
def test_any_bytes_cut_anywhere_give_the_same_text(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert read(pieces) == read([whole]) == read([bytes([byte]) for byte in whole])


def test_text_passes_at_once() -> None:
    assert LogFrames().feed(b"printed without an end") == [(b"printed without an end", None)]


def test_a_message_gets_the_line_end_it_lacks() -> None:
    assert read([b"before\n" + frame(b"said") + b"after\n" + frame(b"ended\n")]) == b"before\nsaid\nafter\nended\n"


def test_a_message_may_hold_what_looks_like_a_frame() -> None:
    inner = frame(b"inner")
    assert read([frame(inner)]) == inner + b"\n"


def test_a_frame_is_held_back_until_it_is_whole() -> None:
    frames, data = LogFrames(), frame(b"message")
    assert [frames.feed(bytes([byte])) for byte in data[:-1]] == [[]] * (len(data) - 1)
    assert frames.feed(data[-1:]) == [(b"message\n", 1_767_323_045_678)]


def test_a_message_has_its_time_and_what_is_printed_has_none() -> None:
    pieces = LogFrames().feed(b"before" + frame(b"said\nmore") + b"after")
    assert pieces == [(b"before", None), (b"said\nmore\n", 1_767_323_045_678), (b"after", None)]


def test_bytes_that_only_look_like_a_frame_pass() -> None:
    printed = MAGIC + b"\x0f\xff\xff\xff\xff" + bytes(40)
    assert text_of(LogFrames().feed(printed)) == printed


def test_what_is_cut_off_by_the_end_is_given_as_it_is() -> None:
    frames, data = LogFrames(), frame(b"message")[:-3]
    assert frames.feed(b"text" + data) == [(b"text", None)]
    assert frames.flush() == data
    assert frames.flush() == b""


def test_a_message_of_nearly_a_megabyte_is_one_and_a_longer_one_is_text() -> None:
    longest = b"x" * (2**20 - 1)
    assert read([frame(longest)]) == longest + b"\n"
    too_long = frame(longest + b"x")
    frames = LogFrames()
    assert text_of(frames.feed(too_long[:20])) == too_long[:20], "nothing of it is held back"
    assert text_of(frames.feed(too_long[20:])) == too_long[20:]


def test_a_frame_that_comes_byte_by_byte_is_not_searched_through_for_each() -> None:
    frames = LogFrames()
    message = b"\xa5\x5a\x00\x0f" * (2**18 - 1)
    data = frame(message)
    frames.feed(data[:-40_000])
    began = time.process_time()
    text = b"".join(text_of(frames.feed(bytes([byte]))) for byte in data[-40_000:])
    # Looking through all that is held each time takes half a millisecond: 20 seconds.
    assert time.process_time() - began < 2
    assert text == message + b"\n"


def test_a_flood_of_what_begins_like_a_frame_takes_time_in_proportion() -> None:
    frames = LogFrames()
    printed = (MAGIC + b"\x0f\xff\xff\xff\xff") * 2**17
    began = time.process_time()
    assert text_of(frames.feed(printed)) == printed
    assert time.process_time() - began < 2
