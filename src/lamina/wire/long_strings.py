"""Read a JSON body without ever making Python text of its very long strings.

A layer of 45 MB arrives as 60 MB of base64 inside JSON. `json.loads` needs 140 ms and twice the memory to hand over a
string whose only use is to be decoded again. Here such strings are cut out first:

* Outside its strings JSON has no quote, so walking from quote to quote finds every string exactly; `bytes.find` makes
  that walk run at memory speed. A string with a backslash is never cut, it is stepped over.
* What was cut is replaced by the bare word `NaN`. That is no JSON, but Python's parser offers it to a hook, in document
  order. The parser itself thus says where each cut string belongs: duplicates (the last one counts), nesting and
  syntax stay its business. A body that brings a `NaN`, `Infinity` or `-Infinity` of its own is no JSON and refused.
* As a key the word is a syntax error, so a long key sends the body down the general path; so does anything else that
  is not certain.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass, field
from typing import Any

import pybase64

from lamina.wire.faults import unreadable

LONG_STRING_BYTES_MIN = 64 * 1024
# A walk over very many short strings would be slower than the parser it is to spare; a long string after that many
# others is left to the general path.
STRINGS_WALKED_MAX = 4096

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


@dataclass(slots=True)
class LongString:
    """A JSON string still lying in the request body, without its quotes and free of escapes."""

    raw: memoryview
    checked: bool = field(default=False)

    def text(self) -> str:
        """The string as text; raises Invalid where it is no JSON string (control characters, bad UTF-8)."""
        self.checked = True
        text = _decode(b"".join((b'"', self.raw, b'"')))
        assert isinstance(text, str)
        return text

    def base64(self) -> Sized:
        """The bytes it stands for, or what holds them; raises binascii.Error where it is no base64."""
        self.checked = True
        return pybase64.b64decode(self.raw, validate=True)


def load_json(body: bytes) -> tuple[Any, list[LongString]]:
    """*body* as JSON values, and those of its strings that stand in them as a `LongString`; raises Invalid.

    Whoever reads the values must `check` what stayed unread, or an unknown member could hold what is no JSON.
    """
    if len(body) < LONG_STRING_BYTES_MIN:
        return _decode(body), []
    cut, rest = _cut(body)
    if not cut:
        return _decode(body), []
    upcoming = iter(cut)

    def place(constant: str) -> LongString:
        if constant != "NaN":
            raise ValueError(f"{constant} is no JSON")
        return next(upcoming)

    try:
        return json.loads(str(rest, "utf-8", "strict"), parse_constant=place), cut
    except (ValueError, RecursionError):
        # Either the body is no JSON, then the general path finds that out and says it, or a long string was a key.
        return _decode(body), []


def check(strings: Iterable[LongString]) -> None:
    """Hold the *strings* nobody has read to JSON's rules too; raises Invalid."""
    for string in strings:
        if not string.checked:
            string.text()


def open_string(body: bytes) -> int:
    """Where the string's opening quote is in whose midst *body* ends; -1 if there is none, or it has a backslash."""
    start, end = next(iter(deque(_strings(body), maxlen=1)), (-1, -1))
    return start if end < 0 and body.find(b"\\", start) < 0 else -1


def _strings(body: bytes) -> Iterator[tuple[int, int]]:
    """Where the quotes of the first strings are that have no backslash; an end of -1, the last one's, is not there."""
    position = 0
    for _ in range(STRINGS_WALKED_MAX):
        start = body.find(b'"', position)
        if start < 0:
            return
        end = body.find(b'"', start + 1)
        if end >= 0 and body.find(b"\\", start, end) >= 0:
            whole = _STRING.match(body, start)
            if whole is None:
                end = -1
            else:
                position = whole.end()
                continue
        yield start, end
        if end < 0:
            return
        position = end + 1


def _cut(body: bytes) -> tuple[list[LongString], bytes]:
    view = memoryview(body)
    cut: list[LongString] = []
    kept: list[memoryview | bytes] = []
    kept_until = 0
    for start, end in _strings(body):
        if end < 0:
            return [], body
        if end - start > LONG_STRING_BYTES_MIN:
            cut.append(LongString(view[start + 1 : end]))
            kept += (view[kept_until:start], b"NaN")
            kept_until = end + 1
    kept.append(view[kept_until:])
    rest = b"".join(kept)
    # A word of the sender's own would be taken for one of ours: leave such a body, which is no JSON, to the parser.
    return (cut, rest) if rest.count(b"NaN") == len(cut) else ([], body)


def _decode(body: bytes) -> Any:
    try:
        text = str(body, "utf-8", "strict")
    except UnicodeDecodeError as error:
        raise unreadable(f"Could not parse request body into json: {error}") from error
    return _loads(text)


def _loads(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise unreadable("Could not parse request body into json: nested too deeply") from error
    except ValueError as error:
        raise unreadable(f"Could not parse request body into json: {error}") from error


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")
