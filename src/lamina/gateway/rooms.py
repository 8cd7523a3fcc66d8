"""How much of bodies may be held at once: whoever would make it more is told to come back, and nothing more is read."""

from __future__ import annotations

from typing import Final

BYTES_MAX: Final = 512 * 1024 * 1024
# Of a body that comes in chunks, nobody knows; what may be invoked with is less.
UNTOLD_BYTES: Final = 8 * 1024 * 1024


class Room:
    """A part of what may be held; it is free again when nobody has this any more."""

    __slots__ = ("_rooms", "_size")

    def __init__(self, rooms: Rooms, size: int) -> None:
        self._rooms, self._size = rooms, size
        rooms.taken_bytes += size

    def __del__(self) -> None:
        self._rooms.taken_bytes -= self._size


class Rooms:
    """The room for large bodies that are kept whole, of all connections of one gateway. For one thread."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self.taken_bytes = 0

    def take(self, size: int) -> Room | None:
        """Room for *size* bytes, if there is any; one body alone has it, whatever its size."""
        if self.taken_bytes and self.taken_bytes + size > self._bytes_max:
            return None
        return Room(self, size)
