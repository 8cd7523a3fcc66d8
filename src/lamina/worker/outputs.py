"""What the extensions of an environment write, from a pipe of their own, line by line."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final

_READ_BYTES: Final = 64 * 1024
# AWS cuts what is longer into several events.
LINE_BYTES_MAX: Final = 256 * 1024


class Lines:
    """Text that comes in pieces, as lines with their ends. One that never ends is cut."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, text: bytes) -> list[bytes]:
        """The lines that are whole now."""
        lines: list[bytes] = []
        if b"\n" in text:
            *whole, text = text.split(b"\n")
            lines = [line + b"\n" for line in whole]
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        self._rest += text
        if len(self._rest) >= LINE_BYTES_MAX:
            lines.append(bytes(self._rest))
            self._rest.clear()
        return lines

    def flush(self) -> bytes:
        """What has no end: nothing will follow."""
        rest = bytes(self._rest)
        self._rest.clear()
        return rest


class ExtensionOutput:
    """Reads *pipe* and calls *wrote* with the lines that have come."""

    def __init__(self, pipe: int, wrote: Callable[[list[bytes]], None]) -> None:
        self._pipe = pipe
        self._wrote = wrote
        self._lines = Lines()
        os.set_blocking(pipe, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pipe, self._readable)

    def close(self) -> None:
        """Take what is there, and no more."""
        # A process that writes without end must not keep anybody waiting: one full pipe's worth.
        self._loop.remove_reader(self._pipe)
        for _ in range(2):
            if not self._read():
                break
        if rest := self._lines.flush():
            self._wrote([rest])
        os.close(self._pipe)

    def _readable(self) -> None:
        self._read()

    def _read(self) -> bool:
        try:
            data = os.read(self._pipe, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(self._pipe)
            return False
        if lines := self._lines.feed(data):
            self._wrote(lines)
        return True
