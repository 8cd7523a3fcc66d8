"""A response that a function gives piece by piece: who takes it, and how it is told that there is an end too soon.

The platform's part is small: pieces go on as they come, and a sender that is faster than its taker is kept waiting.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

T = TypeVar("T")

# What a function may stream in all, since July 2025.
STREAM_BYTES_MAX: Final = 200 * 1024 * 1024


class BrokenOff(Exception):
    """The rest of a stream will not come: the function failed after it had begun to answer."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What there was of a streamed response: how much, and when it began and ended, by `time.perf_counter`."""

    size: int
    began: float
    ended: float


class Closing(Generic[T]):
    """The items of a generator; *closed* is called when no more is wanted, even if none ever was."""

    def __init__(self, items: AsyncGenerator[T, None], closed: Callable[[], None]) -> None:
        self._items = items
        self._closed = closed

    def __aiter__(self) -> Closing[T]:
        return self

    async def __anext__(self) -> T:
        return await anext(self._items)

    async def aclose(self) -> None:
        await self._items.aclose()
        self._closed()


class Sender(Protocol):
    """Where the pieces come from."""

    def pause(self) -> None:
        """Send nothing more until `resume`."""
        ...

    def resume(self) -> None: ...


class Sink(Protocol):
    """Who takes a streamed response, in the order of these methods."""

    @property
    def held_bytes(self) -> int:
        """What was taken and not yet handed on."""
        ...

    def begin(self, content_type: str | None, sender: Sender) -> None:
        """The function has begun to answer."""
        ...

    def put(self, piece: bytes) -> None:
        """The next piece. It is taken in any case; *sender* is paused if it was too much."""
        ...

    def end(self) -> None:
        """Nothing more will come from *sender*, which is not to be touched any more."""
        ...

    async def wait_left(self) -> None:
        """Returns when the sender has come to its end, or cannot because nobody takes what it sent."""
        ...
