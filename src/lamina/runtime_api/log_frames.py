"""A function's output, with the messages its runtime's client frames taken out of their frames.

The client frames what comes from `logging`, and its own reports of errors: four bytes of type (a55a00 and a byte of
level and format), four of length, eight of time in microseconds, all big-endian, then the message. What the function
prints comes as it is, through the same pipe, so that both stay in their order.
"""

from __future__ import annotations

_MAGIC = b"\xa5\x5a\x00"
_HEAD_BYTES = 16
_MESSAGE_BYTES_MAX = 16 * 1024 * 1024


class LogFrames:
    """Takes pieces of the stream as they come and gives the text that is complete."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """The text in *data*, and in what was held back before; a frame is held back until it is whole."""
        data = self._held + data
        text: list[bytes] = []
        while True:
            start = data.find(_MAGIC)
            if start < 0:
                # The magic number may have been cut in the middle.
                keep = next((size for size in (2, 1) if data.endswith(_MAGIC[:size])), 0)
                text.append(data[: len(data) - keep])
                self._held = data[len(data) - keep :]
                return b"".join(text)
            text.append(data[:start])
            length = int.from_bytes(data[start + 4 : start + 8], "big")
            if length > _MESSAGE_BYTES_MAX:
                # No frame, but the same bytes printed by a function.
                text.append(data[start : start + len(_MAGIC)])
                data = data[start + len(_MAGIC) :]
                continue
            end = start + _HEAD_BYTES + length
            if len(data) < start + _HEAD_BYTES or len(data) < end:
                self._held = data[start:]
                return b"".join(text)
            message = data[start + _HEAD_BYTES : end]
            text.append(message if message.endswith(b"\n") else message + b"\n")
            data = data[end:]

    def flush(self) -> bytes:
        """What is held back, as it is: nothing will follow."""
        held, self._held = self._held, b""
        return held
