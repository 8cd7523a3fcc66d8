"""Finds events and streams in a group's segments.

A segment that is written no more never changes, so its times are remembered, with which searches pass over whole
segments. What it holds of each stream is much, as functions have one for each environment they ever had, and remembered
only where streams are listed. Of a segment that is looked into, a batch is taken apart only if its stream and times are
asked for.

A search through a flood can take seconds. Whoever waits for the interpreter's lock gets it from a busy thread after
five milliseconds, which is longer than most calls of functions take; so the lock is let go of here every now and then.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lamina.log_store import batches, layout
from lamina.log_store.batches import Batch
from lamina.log_store.streams import Place
from lamina.logs.events import StoredEvent, position

# Of all segments that are remembered together, 400 bytes each.
_STREAMS_REMEMBERED_MAX: Final = 10_000
_SEGMENTS_REMEMBERED_MAX: Final = 1_000
# What a page of events may come to, each counted with 26 bytes besides its text, as AWS counts.
_PAGE_BYTES_MAX: Final = 1_048_576
_EVENT_BYTES: Final = 26
_LOOKS_AT_A_TIME: Final = 100
# A page is given with what was found by then: clients lose patience after a minute.
_LOOKED_AT_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """What there is of a stream: the times of its first and last event, and when the first and last came in."""

    first_ms: int
    last_ms: int
    ingested_first_ms: int
    ingested_last_ms: int

    def with_(self, other: Span) -> Span:
        return Span(
            min(self.first_ms, other.first_ms),
            max(self.last_ms, other.last_ms),
            min(self.ingested_first_ms, other.ingested_first_ms),
            max(self.ingested_last_ms, other.ingested_last_ms),
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: from `first_ms` to before `end_ms`, behind position `after` and before `before`."""

    first_ms: int
    end_ms: int
    after: int = -1
    before: int | None = None
    # None: those of any stream.
    stream: Callable[[str], bool] | None = None
    matches: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order of their positions; the next page begins behind (before) `resume`, None after the last."""

    events: list[StoredEvent]
    resume: int | None


Spans = Mapping[str, Span]
_Stamp = tuple[int, int, int]
# Of the first event and of the last; None where there is none.
_Times = tuple[int, int] | None


class LogReader:
    """Reads the segments in groups' folders. Safe to use from any thread, beside the writer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._remembered: OrderedDict[Path, tuple[_Stamp, Spans]] = OrderedDict()
        self._remembered_streams = 0
        self._times_of: dict[Path, tuple[_Stamp, _Times]] = {}

    def spans(self, folder: Path, deleted: Mapping[str, Place]) -> dict[str, Span]:
        """Every stream that has events, without those before the places in *deleted*."""
        found: dict[str, Span] = {}
        for number, last in _numbered(folder):
            for stream, span in self._spans(folder, number, last, deleted).items():
                found[stream] = found[stream].with_(span) if stream in found else span
        return found

    def stored_bytes(self, folder: Path) -> int:
        """What the group's segments take on the disk."""
        size = 0
        for number in layout.segment_numbers(folder):
            try:
                size += layout.segment(folder, number).stat().st_size
            except FileNotFoundError:
                pass
        return size

    def expire(self, folder: Path, oldest_ms: int) -> int:
        """Remove the segments whose events are all older than *oldest_ms*, but for the newest; how many they were."""
        removed = 0
        for number, last in _numbered(folder):
            times = None if last else self._times(layout.segment(folder, number))
            if times is not None and times[1] < oldest_ms:
                layout.segment(folder, number).unlink(missing_ok=True)
                removed += 1
        return removed

    def page(self, folder: Path, wanted: Wanted, deleted: Mapping[str, Place], limit: int, *, forward: bool) -> Page:
        """At most *limit* of the wanted events, and at most some 1 MB of them, by position.

        Going *forward* they are the first of them, else the last.
        """
        nearest = _Nearest(limit + 1, forward)
        order = self._in_order(folder, forward=forward)
        resume: int | None = None
        for number, times in order:
            if times is None or not nearest.beyond(*times):
                self._gather(folder, number, wanted, deleted, nearest)
            if nearest.looked_at > _LOOKED_AT_MAX:
                resume = self._frontier(
                    folder, [each for each, _ in order[order.index((number, times)) + 1 :]], forward
                )
                if resume is not None and _gets_on(resume, wanted, forward=forward):
                    break
                resume = None
        kept = nearest.sorted()
        if resume is not None:
            kept = [event for event in kept if (event.position <= resume if forward else event.position >= resume)]
        page = _fitting(kept[:limit])
        if len(page) < len(kept):
            resume = page[-1].position
        return Page(page if forward else page[::-1], resume)

    def _frontier(self, folder: Path, numbers: list[int], forward: bool) -> int | None:
        """Where a search goes on that has seen all but the segments *numbers*; None where there are none."""
        looked_up = (self._times(layout.segment(folder, number)) for number in numbers)
        found = [times for times in looked_up if times is not None]
        if not found:
            return None
        if forward:
            return position(min(first for first, _ in found), 0, 0) - 1
        return position(max(last for _, last in found) + 1, 0, 0)

    def _in_order(self, folder: Path, *, forward: bool) -> list[tuple[int, _Times]]:
        """The segments with the first and last time in each (None of one that is being written), the nearest first."""
        found = [
            (number, None if last else self._times(layout.segment(folder, number)))
            for number, last in _numbered(folder)
        ]
        return found if forward else found[::-1]

    def _times(self, path: Path) -> _Times:
        """The times of a segment that has successors."""
        stamp = _stamp(path)
        if stamp is None:
            return None
        with self._lock:
            known = self._times_of.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        times = _covered(_read(path))
        with self._lock:
            if len(self._times_of) >= _SEGMENTS_REMEMBERED_MAX:
                self._times_of.clear()
            self._times_of[path] = stamp, times
        return times

    def _spans(self, folder: Path, number: int, last: bool, deleted: Mapping[str, Place]) -> Spans:
        path = layout.segment(folder, number)
        hidden = {stream: offset for stream, (segment, offset) in deleted.items() if segment == number}
        gone = {stream for stream, (segment, _) in deleted.items() if segment > number}
        spans: Spans = _summary(_read(path), hidden) if hidden or last else self._sealed(path)
        return {stream: span for stream, span in spans.items() if stream not in gone} if gone else spans

    def _sealed(self, path: Path) -> Spans:
        """What a segment holds that has successors; by then its last writers may still be at it."""
        stamp = _stamp(path)
        if stamp is None:
            return {}
        with self._lock:
            known = self._remembered.get(path)
            if known is not None and known[0] == stamp:
                self._remembered.move_to_end(path)
                return known[1]
        spans = _summary(_read(path), {})
        with self._lock:
            if (old := self._remembered.pop(path, None)) is not None:
                self._remembered_streams -= len(old[1])
            self._remembered[path] = stamp, spans
            self._remembered_streams += len(spans)
            while self._remembered_streams > _STREAMS_REMEMBERED_MAX:
                self._remembered_streams -= len(self._remembered.popitem(last=False)[1][1])
        return spans

    def _gather(
        self, folder: Path, number: int, wanted: Wanted, deleted: Mapping[str, Place], nearest: _Nearest
    ) -> None:
        data = _read(layout.segment(folder, number))
        chosen: dict[str, bool] = {}
        found = batches.find(data)
        for held in found if nearest.forward else reversed(list(found)):
            stream = held.stream
            if held.last_ms < wanted.first_ms or held.first_ms >= wanted.end_ms:
                continue
            if position(held.last_ms, number, held.end) <= wanted.after or (
                wanted.before is not None and position(held.first_ms, number, held.start) >= wanted.before
            ):
                continue
            if nearest.beyond(held.first_ms, held.last_ms):
                continue
            if stream in deleted and (number, held.start) < deleted[stream]:
                continue
            if wanted.stream is not None:
                if stream not in chosen:
                    chosen[stream] = wanted.stream(stream)
                if not chosen[stream]:
                    continue
            _gather_events(data, held, number, wanted, nearest)


class _Nearest:
    """The first *count* of the events that are added, the last ones unless *forward*; holds little more than those."""

    def __init__(self, count: int, forward: bool) -> None:
        self._count, self.forward = count, forward
        self._held: list[StoredEvent] = []
        self._edge_ms: int | None = None
        self.looked_at = 0

    def beyond(self, first_ms: int, last_ms: int) -> bool:
        """Whether nothing from the first to the last of these times can be among them."""
        if self._edge_ms is None:
            return False
        return first_ms > self._edge_ms if self.forward else last_ms < self._edge_ms

    def add(self, event: StoredEvent) -> None:
        self._held.append(event)
        if len(self._held) >= 2 * self._count:
            self._cut()

    def sorted(self) -> list[StoredEvent]:
        """The nearest first."""
        self._cut()
        return self._held

    def _cut(self) -> None:
        self._held.sort(key=lambda event: event.position, reverse=not self.forward)
        if len(self._held) >= self._count:
            del self._held[self._count :]
            self._edge_ms = self._held[-1].ms


def _gather_events(data: bytes, held: Batch, number: int, wanted: Wanted, nearest: _Nearest) -> None:
    for offset, ms, line in batches.events(data, held):
        nearest.looked_at += 1
        if nearest.looked_at % _LOOKS_AT_A_TIME == 0:
            time.sleep(0)
        if not wanted.first_ms <= ms < wanted.end_ms or nearest.beyond(ms, ms):
            continue
        place = position(ms, number, offset)
        if place <= wanted.after or (wanted.before is not None and place >= wanted.before):
            continue
        text = batches.text(line)
        if wanted.matches is None or wanted.matches(text):
            nearest.add(StoredEvent(place, held.stream, ms, held.ingested_ms, text))


def _gets_on(resume: int, wanted: Wanted, *, forward: bool) -> bool:
    """Whether a next page from *resume* on is a smaller search than the one for *wanted*."""
    if forward:
        return resume > max(wanted.after, position(wanted.first_ms, 0, 0))
    return resume < min(position(wanted.end_ms, 0, 0), wanted.before if wanted.before is not None else resume + 1)


def _summary(data: bytes, hidden: Mapping[str, int]) -> dict[str, Span]:
    spans: dict[str, Span] = {}
    for count, held in enumerate(batches.find(data)):
        if count % _LOOKS_AT_A_TIME == 0:
            time.sleep(0)
        if held.start < hidden.get(held.stream, 0):
            continue
        span = Span(held.first_ms, held.last_ms, held.ingested_ms, held.ingested_ms)
        known = spans.get(held.stream)
        spans[held.stream] = span if known is None else known.with_(span)
    return spans


def _covered(data: bytes) -> _Times:
    times: _Times = None
    for count, held in enumerate(batches.find(data)):
        if count % _LOOKS_AT_A_TIME == 0:
            time.sleep(0)
        first, last = times or (held.first_ms, held.last_ms)
        times = min(first, held.first_ms), max(last, held.last_ms)
    return times


def _numbered(folder: Path) -> list[tuple[int, bool]]:
    """The segments, and whether each is the last, which may still be written."""
    numbers = layout.segment_numbers(folder)
    return [(number, number == numbers[-1]) for number in numbers]


def _stamp(path: Path) -> _Stamp | None:
    """What changes with a file; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        # Turned over, or its group deleted, since the folder was listed.
        return b""


def _fitting(events: list[StoredEvent]) -> list[StoredEvent]:
    size = 0
    for count, event in enumerate(events):
        size += len(event.message.encode()) + _EVENT_BYTES
        if size > _PAGE_BYTES_MAX and count:
            return events[:count]
    return events
