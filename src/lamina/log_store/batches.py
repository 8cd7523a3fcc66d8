"""The bytes of a segment: batches of events, written and read (docs/formats/logs.md).

Functions can write faster than Python can look at lines, so a block of whole lines becomes events without being taken
apart: `lines` costs a few passes in C, whatever is in it. What reads pays for taking it apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_HEADER = re.compile(rb"\n@(\d{1,15}) (\d{1,15}) (\d{1,15}) ([^\n]+)\n(?= )")
_ESCAPE = re.compile(rb"\\(.?)", re.DOTALL)

# The time of some events, and their lines as they stand in a segment.
Piece = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch found in a segment: its lines are at [start, end) of the segment's bytes."""

    stream: str
    ingested_ms: int
    first_ms: int
    last_ms: int
    start: int
    end: int


def lines(text: bytes) -> bytes:
    """*text*, which ends with a line break, as one event for each of its lines."""
    if b"\\" in text:
        text = text.replace(b"\\", b"\\\\")
    return b" " + text[:-1].replace(b"\n", b"\n ") + b"\n"


def message(text: bytes) -> bytes:
    """*text*, whatever it is, as one event."""
    if b"\\" in text:
        text = text.replace(b"\\", b"\\\\")
    if text.endswith(b"\n"):
        return b" " + text[:-1].replace(b"\n", b"\\n") + b"\n"
    return b" " + text.replace(b"\n", b"\\n") + b"\\\n"


def batch(stream: str, ingested_ms: int, pieces: Sequence[Piece]) -> bytes:
    """*pieces*, at least one and in the order of their times, as they are appended to a segment."""
    first = told = pieces[0][0]
    parts = [b"\n@%d %d %d %s\n" % (ingested_ms, first, pieces[-1][0], stream.encode())]
    for ms, piece in pieces:
        if ms != told:
            told = ms
            parts.append(b"=%d\n" % ms)
        parts.append(piece)
    return b"".join(parts)


def find(data: bytes) -> Iterator[Batch]:
    """The batches in a segment's bytes, in their order."""
    found = _HEADER.search(data)
    while found is not None:
        following = _next(data, found.end())
        end = len(data) if following is None else following.start()
        ingested, first, last, stream = found.groups()
        yield Batch(stream.decode(errors="replace"), int(ingested), int(first), int(last), found.end(), end)
        found = following


def events(data: bytes, held: Batch) -> Iterator[tuple[int, int, bytes]]:
    """The events of a batch: the offset of each, its time, and its line as `text` reads it."""
    at, ms = held.start, held.first_ms
    while (end := data.find(b"\n", at, held.end)) >= 0:
        mark = data[at : at + 1]
        if mark == b" ":
            yield at, ms, data[at + 1 : end]
        elif mark == b"=" and end - at < 17 and data[at + 1 : end].isdigit():
            ms = int(data[at + 1 : end])
        at = end + 1


def text(line: bytes) -> str:
    """The message that *line* stands for."""
    if b"\\" not in line:
        return line.decode(errors="replace") + "\n"
    unended = False

    def meant(escape: re.Match[bytes]) -> bytes:
        nonlocal unended
        unended = not escape[1]
        return b"\n" if escape[1] == b"n" else escape[1]

    plain = _ESCAPE.sub(meant, line).decode(errors="replace")
    return plain if unended else plain + "\n"


def _next(data: bytes, start: int) -> re.Match[bytes] | None:
    # The last line break of a batch may be the one that begins the next header, where a write was cut short.
    at = start - 1
    while (at := data.find(b"\n@", at)) >= 0:
        if found := _HEADER.match(data, at):
            return found
        at += 1
    return None
