"""A function's output, with the messages its runtime's client frames taken out of their frames.

The client frames what comes from `logging`, and its own reports of errors: four bytes of type (a55a00 and a byte of
level and format), four of length, eight of time in microseconds, all big-endian, then the message. What the function
prints comes as it is, through the same pipe, so that both stay in their order.

A frame says how long it is, so a frame that never ends could hold back any amount of output: one of a megabyte or more
is text. Every byte is looked at a bounded number of times, however the output is cut into pieces.
"""

from __future__ import annotations

import re
from typing import Final

_HEAD_BYTES: Final = 16
# Type, and the first two bytes of a length below 2**20.
_FRAME: Final = re.compile(rb"\xa5\x5a\x00.\x00[\x00-\x0f]", re.DOTALL)
_CUT: Final = re.compile(rb"\xa5(?:\x5a(?:\x00(?:.\x00?)?)?)?\Z", re.DOTALL)
_CUT_BYTES_MAX: Final = 5


# Text, and the time of the message that it is, in milliseconds since 1970; None for what was printed.
Piece = tuple[bytes, int | None]


class LogFrames:
    """Takes pieces of the stream as they come and gives the text that is complete."""

    def __init__(self) -> None:
        self._held = bytearray()
        # How long `_held` must be before it is worth another look.
        self._awaited_bytes = 0

    def feed(self, data: bytes) -> list[Piece]:
        """The text in *data*, and in what was held back before; a frame is held back until it is whole."""
        if not self._held and b"\xa5" not in data:
            return [(data, None)]
        held = self._held
        held += data
        if len(held) < self._awaited_bytes:
            return []
        pieces: list[Piece] = []
        at = 0
        self._awaited_bytes = 0
        while frame := _FRAME.search(held, at):
            start = frame.start()
            if start > at:
                pieces.append((bytes(held[at:start]), None))
            at = start
            message = start + _HEAD_BYTES
            # The fourth byte of length may not have come yet; the head is awaited then.
            end = message + int.from_bytes(held[start + 4 : start + 8], "big") if len(held) >= message else message
            if len(held) < end:
                self._awaited_bytes = end - start
                break
            ended = b"" if held.endswith(b"\n", message, end) else b"\n"
            ms = int.from_bytes(held[start + 8 : message], "big") // 1000
            pieces.append((bytes(held[message:end]) + ended, ms))
            at = end
        else:
            # The beginning of a frame may have been cut.
            cut = _CUT.search(held, max(at, len(held) - _CUT_BYTES_MAX))
            end = len(held) if cut is None else cut.start()
            if end > at:
                pieces.append((bytes(held[at:end]), None))
            at = end
        del held[:at]
        return pieces

    def flush(self) -> bytes:
        """What is held back, as it is: nothing will follow."""
        held = bytes(self._held)
        self._held.clear()
        self._awaited_bytes = 0
        return held
