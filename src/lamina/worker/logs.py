"""What an environment writes and what the platform says in it: kept for the tail of an answer, and passed on as events.

An event of what a function prints is a line; of what its runtime's client frames, the whole message, however many lines
it has. Times are those of the frames, else of when the output came.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from lamina.invocations import application_levels
from lamina.invocations.log_lines import TAIL_BYTES
from lamina.log_store import batches
from lamina.logs.names import LogGroupArn
from lamina.runtime_api.log_frames import LogFrames, Piece

_READ_BYTES: Final = 64 * 1024
# AWS cuts what is longer into several events.
_EVENT_BYTES_MAX: Final = 256 * 1024


class Writer(Protocol):
    """Where batches of events go."""

    def write(self, group: LogGroupArn, stream: str, batch: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class LogStream:
    """Where an environment's events go; of printed lines of JSON, those of the level *least* and above."""

    group: LogGroupArn
    name: str
    writer: Writer
    least: str | None = None


class EnvironmentLog:
    """One environment's output, from the pipe its processes write to."""

    def __init__(self, pipe: int, stream: LogStream, clock: Callable[[], int] = time.time_ns) -> None:
        # Whom to give what processes write, as it comes.
        self.tap: Callable[[Sequence[Piece]], None] | None = None
        self._pipe = pipe
        self._stream = stream
        self._clock = clock
        # Text, and whether it is one message rather than lines.
        self._pending: list[tuple[int, bytes, bool]] = []
        self._line = bytearray()
        # Whether the pipe may hold more than was last read of it.
        self._behind = False
        self._last_ms = 0
        self._tail = bytearray()
        self._frames = LogFrames()
        os.set_blocking(pipe, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pipe, self._readable)

    @property
    def stream(self) -> LogStream:
        return self._stream

    def platform(self, line: bytes) -> None:
        """Add a line of the platform's own."""
        self._add(line, whole=True)

    def beside(self, lines: bytes) -> None:
        """Add whole lines that have come another way than through the pipe."""
        self._add(lines, whole=False)

    def begin(self) -> None:
        """The tail begins anew: an invocation does."""
        self._tail.clear()

    def tail(self) -> bytes:
        """The last 4 KB since `begin`; call `drain` first."""
        return bytes(self._tail[-TAIL_BYTES:])

    def drain(self) -> None:
        """Take what the pipe holds by now: all that was written before the runtime answered."""
        # A process that writes without end must not keep the answer waiting: one full pipe's worth.
        for _ in range(4):
            if not self._read():
                break

    def catch_up(self) -> None:
        """The same for who comes in a later turn of the loop than the answer.

        The kernel told of both together, and what had been written first was read in the answer's own turn. Only where
        that was as much as is read at once is there something to look for.
        """
        if self._behind:
            self.drain()

    def flush(self) -> None:
        """Pass on what has come, but for a line that has no end yet."""
        if not self._pending:
            return
        pieces = [(ms, batches.message(text) if whole else batches.lines(text)) for ms, text, whole in self._pending]
        self._pending.clear()
        stream = self._stream
        stream.writer.write(stream.group, stream.name, batches.batch(stream.name, self._now_ms(), pieces))

    def close(self) -> None:
        self._loop.remove_reader(self._pipe)
        now_ms = self._now_ms()
        self._take(now_ms, [(self._frames.flush(), None)])
        self._end_line(now_ms)
        self.flush()

    def _readable(self) -> None:
        self._read()
        self.flush()

    def _read(self) -> bool:
        try:
            data = os.read(self._pipe, _READ_BYTES)
        except BlockingIOError:
            self._behind = False
            return False
        self._behind = len(data) == _READ_BYTES
        if not data:
            # No process of the environment is left to write.
            self._loop.remove_reader(self._pipe)
            return False
        self._take(self._now_ms(), self._frames.feed(data))
        return True

    def _take(self, now_ms: int, pieces: list[Piece]) -> None:
        if self.tap is not None:
            self.tap(pieces)
        for text, framed_ms in pieces:
            if framed_ms is None:
                self._print(now_ms, text)
            else:
                self._end_line(now_ms)
                # A function can frame what it likes, any time included.
                ms = min(now_ms, max(framed_ms, self._last_ms))
                for at in range(0, len(text), _EVENT_BYTES_MAX):
                    self._pend(ms, text[at : at + _EVENT_BYTES_MAX], whole=True)
            if framed_ms is not None or self._stream.least is None:
                self._keep_tail(text)

    def _print(self, now_ms: int, text: bytes) -> None:
        end = text.rfind(b"\n") + 1
        if end and (len(self._line) + text.index(b"\n") < _EVENT_BYTES_MAX):
            self._printed(now_ms, bytes(self._line) + text[:end], whole=False)
            self._line[:] = text[end:]
            return
        # No end of a line, or one that is too far away.
        self._line += text
        while len(self._line) >= _EVENT_BYTES_MAX:
            self._printed(now_ms, bytes(self._line[:_EVENT_BYTES_MAX]), whole=True)
            del self._line[:_EVENT_BYTES_MAX]
        if end:
            rest = bytes(self._line)
            self._line.clear()
            self._print(now_ms, rest)

    def _add(self, text: bytes, *, whole: bool) -> None:
        """Add what is not of the processes."""
        now_ms = self._now_ms()
        if self._line:
            self._end_line(now_ms)
        self._pend(now_ms, text, whole=whole)
        self._keep_tail(text)

    def _end_line(self, now_ms: int) -> None:
        """What has no line break is an event now: something else follows."""
        if self._line:
            self._printed(now_ms, bytes(self._line), whole=True)
            self._line.clear()

    def _printed(self, ms: int, text: bytes, *, whole: bool) -> None:
        if self._stream.least is not None:
            text = application_levels.passing(text, self._stream.least)
            if not text:
                return
            self._keep_tail(text)
        self._pend(ms, text, whole=whole)

    def _pend(self, ms: int, text: bytes, *, whole: bool) -> None:
        self._last_ms = ms
        self._pending.append((ms, text, whole))

    def _now_ms(self) -> int:
        # Never back: a machine's clock may be set, and an event must not stand before an earlier one.
        return max(self._last_ms, self._clock() // 1_000_000)

    def _keep_tail(self, text: bytes) -> None:
        self._tail += text
        if len(self._tail) > 4 * TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]


class Nowhere:
    """Takes logs that nobody reads."""

    def write(self, group: LogGroupArn, stream: str, batch: bytes) -> None:
        """Forget it."""
