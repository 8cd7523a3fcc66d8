"""Appends batches of events to the segments of their groups, so that nobody who writes waits for the disk."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lamina.log_store import batches, layout
from lamina.log_store.groups import GroupExists, LogGroups, new_group
from lamina.log_store.whole import write_all
from lamina.logs.names import LogGroupArn

# What may wait for the disk, of one group and of all.
_HELD_BYTES_EACH: Final = 8 * 1024 * 1024
_HELD_BYTES_MAX: Final = 32 * 1024 * 1024
# So much of a group may wait however much of others does: it takes but a few functions to fill all there is.
_HELD_BYTES_FREE: Final = 64 * 1024
# A disk at rest takes this much in some twenty microseconds.
_AT_ONCE_BYTES_MAX: Final = 8 * 1024
# Less than a segment, which a write may exceed by itself.
_WRITE_BYTES_MAX: Final = 1024 * 1024
_SLOW_S: Final = 0.02
_SLOW_FOR_S: Final = 10.0
_PLACES_MAX: Final = 4096
# Of those, how many are kept open.
_OPEN_MAX: Final = 64
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Held:
    """A group's batches that are not written yet. What comes after something was left out is left out too."""

    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    left_out_bytes: int = 0
    left_out_of: str = ""


class _Segment:
    """A file that is appended to. Closed when nobody has it any more: another thread may be writing."""

    __slots__ = ("descriptor",)

    def __init__(self, file: Path) -> None:
        self.descriptor = -1
        self.descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __del__(self) -> None:
        if self.descriptor != -1:
            os.close(self.descriptor)

    def append(self, data: bytes) -> int:
        """Append *data*, and give the size then; FileNotFoundError where the file has been deleted meanwhile."""
        write_all(self.descriptor, data)
        status = os.fstat(self.descriptor)
        if not status.st_nlink:
            raise FileNotFoundError
        return status.st_size


@dataclass(slots=True, eq=False)
class _Place:
    """The segment that a group is written to, and the file itself where it is open."""

    number: int
    file: Path
    segment: _Segment | None = None


class LogWriter:
    """Writes all logs.

    A disk that is busy keeps whoever writes waiting, for seconds where a function fills it. So a thread writes what is
    large, and everything for a while once a write was slow; a few lines for a disk at rest are written at once, because
    waking a thread takes longer, and what is written stays if the server is killed. What comes faster than the disk
    takes it is left out, and its stream says so. What cannot be written at all is lost, with a warning: no function
    fails because of its log.
    """

    def __init__(self, groups: LogGroups) -> None:
        self._groups = groups
        # Python waits for its work at exit, so that what was passed on is written.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="logs")
        self._lock = threading.Lock()
        self._held: dict[LogGroupArn, _Held] = {}
        self._held_bytes = 0
        # Whether the thread has something to write; whoever comes meanwhile leaves it to the thread.
        self._writing = False
        self._slow_until = 0.0
        self._places: dict[LogGroupArn, _Place] = {}
        # How many of their files have been opened since all were closed.
        self._open = 0
        # Those last found impossible to write.
        self._failing: set[LogGroupArn] = set()
        # The thread begins now: later, on a machine full of processes, it might not be had.
        self.wait_written()

    def write(self, group: LogGroupArn, stream: str, batch: bytes) -> None:
        """Append *batch*, of *stream*, to the group, now or soon; in one write, so that batches do not mix."""
        if len(batch) <= _AT_ONCE_BYTES_MAX and not self._writing and time.monotonic() >= self._slow_until:
            self._try_append(group, batch)
            return
        with self._lock:
            held = self._held.setdefault(group, _Held())
            size = len(batch)
            crowded = self._held_bytes + size > _HELD_BYTES_MAX and held.size + size > _HELD_BYTES_FREE
            if crowded or held.size + size > _HELD_BYTES_EACH or held.left_out_bytes:
                held.left_out_bytes += size
                held.left_out_of = stream
            else:
                held.pieces.append(batch)
                held.size += size
                self._held_bytes += size
            if self._writing:
                return
            self._writing = True
        self._thread.submit(self._write_all)

    def append(self, group: LogGroupArn, batch: bytes) -> None:
        """Append *batch* to the group before this returns; raises OSError where that cannot be."""
        place = self._place(group)
        try:
            size = self._segment(place).append(batch)
        except FileNotFoundError:
            # Written to for the first time, or deleted since the last.
            self._create(group)
            place = self._place(group)
            size = self._segment(place).append(batch)
        if size > layout.SEGMENT_BYTES_MAX:
            self._turn_over(group, place)

    def wait_written(self) -> None:
        """Block until everything passed on so far is in its file, or known to be lost."""
        self._thread.submit(lambda: None).result()

    def close(self) -> None:
        """Write what was passed on, and no more."""
        self._thread.shutdown()
        self._close_all()

    def forget(self, group: LogGroupArn) -> None:
        """The group was deleted: what is written from now on makes another."""
        self._places.pop(group, None)

    def end_of(self, group: LogGroupArn) -> tuple[int, int]:
        """Segment and offset where the next batch of *group* will stand."""
        place = self._place(group)
        try:
            return place.number, place.file.stat().st_size
        except FileNotFoundError:
            return place.number, 0

    def _place(self, group: LogGroupArn) -> _Place:
        place = self._places.get(group)
        if place is None:
            folder = self._groups.folder(group)
            number = max(layout.segment_numbers(folder), default=1)
            if len(self._places) >= _PLACES_MAX:
                self._places.clear()
            place = self._places[group] = _Place(number, layout.segment(folder, number))
        return place

    def _segment(self, place: _Place) -> _Segment:
        """Its file, open; FileNotFoundError where its folder is not there."""
        segment = place.segment
        if segment is None:
            if self._open >= _OPEN_MAX:
                self._close_all()
            segment = place.segment = _Segment(place.file)
            self._open += 1
        return segment

    def _close_all(self) -> None:
        self._open = 0
        for place in list(self._places.values()):
            place.segment = None

    def _create(self, group: LogGroupArn) -> None:
        self._places.pop(group, None)
        try:
            self._groups.create(group, new_group(group.name), sync=False)
        except GroupExists:
            pass

    def _turn_over(self, group: LogGroupArn, full: _Place) -> None:
        folder, number = full.file.parent, full.number + 1
        with self._lock:
            if self._places.get(group) is not full:
                # Somebody else has.
                return
            self._places[group] = _Place(number, layout.segment(folder, number))
        layout.segment(folder, number - layout.SEGMENTS_KEPT).unlink(missing_ok=True)

    def _write_all(self) -> None:
        while True:
            with self._lock:
                taken, self._held, self._held_bytes = self._held, {}, 0
                if not taken:
                    self._writing = False
                    return
            for group, held in taken.items():
                if held.left_out_bytes:
                    now = time.time_ns() // 1_000_000
                    note = b"[%d bytes are left out: the disk is too slow]\n" % held.left_out_bytes
                    held.pieces.append(batches.batch(held.left_out_of, now, [(now, batches.lines(note))]))
                for data in _joined(held.pieces):
                    self._try_append(group, data)

    def _try_append(self, group: LogGroupArn, data: bytes) -> None:
        began = time.monotonic()
        try:
            self.append(group, data)
        except OSError as error:
            if group not in self._failing:
                _log.warning("the log group %s cannot be written, and what is logged is lost: %s", group.name, error)
            self._failing.add(group)
        else:
            if self._failing:
                self._failing.discard(group)
        ended = time.monotonic()
        if ended - began > _SLOW_S:
            self._slow_until = ended + _SLOW_FOR_S


class OverheardLogWriter(LogWriter):
    """One that also tells *hear* every event, as it comes and in the thread that brings it."""

    def __init__(self, groups: LogGroups, hear: Callable[[str], None]) -> None:
        super().__init__(groups)
        self._hear = hear

    def write(self, group: LogGroupArn, stream: str, batch: bytes) -> None:
        for held in batches.find(batch):
            for _, _, line in batches.events(batch, held):
                self._hear(batches.text(line))
        super().write(group, stream, batch)


def _joined(pieces: list[bytes]) -> list[bytes]:
    """*pieces* put together into few writes, none of them much longer than a piece may be."""
    writes: list[list[bytes]] = [[]]
    size = 0
    for piece in pieces:
        if size and size + len(piece) > _WRITE_BYTES_MAX:
            writes.append([])
            size = 0
        writes[-1].append(piece)
        size += len(piece)
    return [b"".join(write) for write in writes]
