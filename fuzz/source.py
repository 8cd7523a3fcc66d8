"""Choices drawn from bytes, so that a fuzzer which changes the bytes changes the choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Source:
    """What is left of *data*. Where nothing is left everything is zero, empty, or the first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __len__(self) -> int:
        return len(self._data) - self._at

    def number(self, size: int) -> int:
        """An unsigned number of *size* bytes."""
        return int.from_bytes(self.take(size), "little")

    def chance(self, of: int) -> bool:
        """True for one byte in *of*, never when nothing is left."""
        return self.number(1) % of == of - 1

    def choose(self, options: Sequence[T]) -> T:
        return options[self.number(1) % len(options)]

    def take(self, size: int) -> bytes:
        """The next *size* bytes, or as many as there are."""
        taken = self._data[self._at : self._at + size]
        self._at += len(taken)
        return taken

    def some(self) -> bytes:
        """Up to 255 bytes; a byte says how many."""
        return self.take(self.number(1))

    def rest(self) -> bytes:
        return self.take(len(self))
