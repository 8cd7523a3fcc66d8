"""JSON bodies: whatever is cut out, read as it comes, or put off, the values are those of a plain parser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from fuzz.source import Source
from lamina.wire import coming, long_strings
from lamina.wire.coming import ComingJson
from lamina.wire.faults import WireError
from lamina.wire.long_strings import LongString

_PIECES = (1, 3, 7, 64)


def seeds() -> list[bytes]:
    """Bodies as SDKs write them, and the odd ones that the rules on cutting are about."""
    long = b"QUJD" * 20
    bodies = (
        b'{"ZipFile": "%s", "Description": "d"}' % long,
        b'{"Content": {"ZipFile": "%s"}, "Content": {"ZipFile": "AAAA"}}' % long,
        b'{"%s": 1, "a": [NaN]}' % long,
        b'{"a": "\\u00e9\\"%s", "b": [1, -2.5e3, true, null]}' % long,
        b'["%s=", "%s", "\xc3\xa9"]' % (long, long),
        b'{"ZipFile": "%s\n"}' % long,
        b'{"a": "%s\n", "a": 1}' % long,
    )
    return [b"\2" + body for body in bodies]


def check(data: bytes) -> None:
    """Raises AssertionError, or what should not have been raised."""
    source = Source(data)
    piece = source.choose(_PIECES)
    body = source.rest()
    expected = _plainly(body)
    with _short_strings_are_long():
        assert _read(lambda: long_strings.load_json(body)) == expected, "read whole"
        assert _read(lambda: _as_it_comes(body, piece)) == expected, f"read in pieces of {piece}"


def _plainly(body: bytes) -> Any:
    try:
        return json.loads(str(body, "utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return WireError


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _read(read: Any) -> Any:
    try:
        value, cut = read()
        text = _with_text(value)
        long_strings.check(cut)
    except WireError:
        return WireError
    return text


def _with_text(value: Any) -> Any:
    if isinstance(value, LongString):
        return value.text()
    if isinstance(value, dict):
        return {key: _with_text(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_with_text(member) for member in value]
    return value


def _as_it_comes(body: bytes, piece: int) -> tuple[Any, list[LongString]]:
    reader = ComingJson(_Memory)
    for at in range(0, len(body), piece):
        reader.feed(body[at : at + piece])
    return reader.finish()


class _Memory:
    """A place for decoded bytes, and those bytes."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, data: bytes) -> None:
        self._bytes += data

    def finish(self) -> _Memory:
        return self

    @property
    def data(self) -> memoryview:
        return memoryview(bytes(self._bytes))

    def __len__(self) -> int:
        return len(self._bytes)


@contextmanager
def _short_strings_are_long() -> Iterator[None]:
    """What is done for strings of 64 KB is done for those of 16 bytes: a fuzzer writes no long ones."""
    patches = ((long_strings, "LONG_STRING_BYTES_MIN", 16), (coming, "LONG_STRING_BYTES_MIN", 16))
    with ExitStack() as restored:
        for module, name, value in (*patches, (coming, "_BEGUN_BYTES_MIN", 8)):
            restored.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, value)
        yield
