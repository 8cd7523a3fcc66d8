"""Stored events: their order, their ids, the tokens of pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# AWS's ids are numbers of 56 digits that begin with the time, and so are these.
_DIGITS: Final = 56
_MS_SHIFT: Final = 144
_SEGMENT_SHIFT: Final = 64
_TOKEN: Final = re.compile(r"([fb])/(\d{56})(?:/s)?", re.ASCII)
LEAST: Final = 0


def position(ms: int, segment: int, offset: int) -> int:
    """Where an event stands among all of its group: by its time, then in the order they came."""
    return ms << _MS_SHIFT | segment << _SEGMENT_SHIFT | offset


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of a stream; times in milliseconds since 1970."""

    position: int
    stream: str
    ms: int
    ingested_ms: int
    message: str

    @property
    def id(self) -> str:
        return f"{self.position:0{_DIGITS}d}"


@dataclass(frozen=True, slots=True)
class PageToken:
    """Where a page begins: behind `position` going forward, before it going backward."""

    position: int
    forward: bool

    @classmethod
    def parse(cls, text: str) -> PageToken | None:
        """The token that *text* is; None where it is none."""
        match = _TOKEN.fullmatch(text)
        return None if match is None else cls(int(match[2]), match[1] == "f")

    @classmethod
    def at(cls, ms: int, *, forward: bool) -> PageToken:
        """The token of a page without events, where the events from *ms* on would follow or precede."""
        return cls(max(LEAST, position(ms, 0, 0) - 1) if forward else position(ms, 0, 0), forward)

    def __str__(self) -> str:
        return f"{'f' if self.forward else 'b'}/{self.position:0{_DIGITS}d}/s"
