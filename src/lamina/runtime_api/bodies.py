"""Requests whose whole body is wanted before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lamina.runtime_api.replies import Reply


class Body:
    """What is kept of a request's body: up to *bytes_max*, and nothing of a longer one but its length."""

    def __init__(self, bytes_max: int, wanted: bool = True) -> None:
        self._bytes_max = bytes_max
        # Whether all that came is here.
        self.kept = wanted
        self.size = 0
        self._pieces = bytearray()

    @property
    def held_bytes(self) -> int:
        return len(self._pieces)

    @property
    def too_large(self) -> bool:
        return self.size > self._bytes_max

    @property
    def content(self) -> bytes:
        return bytes(self._pieces)

    def take(self, piece: bytes) -> None:
        # What is not taken, or too large, is not kept, but read: an answer needs a request that has ended.
        self.size += len(piece)
        if self.kept:
            self._pieces += piece
            if self.too_large:
                self.kept = False
                self._pieces.clear()


class Buffered:
    """An exchange that hands over its body when that is whole; *finish* gives the reply."""

    def __init__(self, body: Body, finish: Callable[[Body], Reply]) -> None:
        self._body = body
        self._finish = finish
        self.take = body.take

    @property
    def held_bytes(self) -> int:
        return self._body.held_bytes

    def end(self, trailers: Mapping[bytes, str]) -> Reply | None:
        return self._finish(self._body)

    def drop(self) -> None:
        """Nothing was done yet."""


class Waiting:
    """An exchange whose reply comes when there is something to tell. *ask* is called at its end, *leave* if it goes."""

    held_bytes = 0

    def __init__(self, ask: Callable[[], Reply | None], leave: Callable[[], None]) -> None:
        self._ask = ask
        self._leave = leave

    def take(self, piece: bytes) -> None:
        """A question has no body; one that comes is not kept."""

    def end(self, trailers: Mapping[bytes, str]) -> Reply | None:
        return self._ask()

    def drop(self) -> None:
        self._leave()
