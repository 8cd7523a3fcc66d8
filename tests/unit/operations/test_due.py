"""Work that is due by a clock that somebody sets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from lamina.operations.due import DueWork

from .watched import PATIENCE_S

pytestmark = pytest.mark.anybody


@dataclass(frozen=True, slots=True)
class Piece:
    id: str
    received_at: float
    due_at: float


class Desk:
    """Keeps pieces of work in memory, and has a clock that is set by hand."""

    def __init__(self, *pieces: Piece, now: float) -> None:
        self.pieces = {piece.id: piece for piece in pieces}
        self.now = now
        self.done: list[str] = []
        self._empty = asyncio.Event()
        self.work: DueWork[Piece] = DueWork(
            self._look, self._handle, 10, "pieces", hurry=self._hurry, now=lambda: self.now
        )

    def _look(self, now: float, limit: int) -> tuple[Sequence[Piece], float | None]:
        times = [piece.due_at for piece in self.pieces.values()]
        return [piece for piece in self.pieces.values() if piece.due_at <= now][:limit], min(times, default=None)

    def _hurry(self, now: float) -> None:
        late = [piece for piece in self.pieces.values() if piece.received_at > now]
        self.pieces |= {piece.id: Piece(piece.id, piece.received_at, now) for piece in late}

    async def _handle(self, piece: Piece) -> None:
        del self.pieces[piece.id]
        self.done.append(piece.id)
        if not self.pieces:
            self._empty.set()

    async def run(self) -> None:
        """Until all is done."""
        self.work.open()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._empty.wait()
        finally:
            await self.work.close()


def test_what_an_earlier_server_took_in_by_a_later_clock_is_done_at_once() -> None:
    async def main() -> Desk:
        desk = Desk(Piece("one", 5_000.0, 5_000.0), now=1_000.0)
        await desk.run()
        return desk

    assert asyncio.run(main()).done == ["one"]


def test_work_is_done_at_once_after_the_clock_has_gone_back() -> None:
    async def main() -> Desk:
        desk = Desk(Piece("first", 5_000.0, 5_000.0), now=5_000.0)
        await desk.run()
        desk.now = 6_000.0
        desk.pieces = {"second": Piece("second", 6_000.0, 6_000.0)}
        desk.now = 1_000.0
        desk._empty.clear()
        await desk.run()
        return desk

    assert asyncio.run(main()).done == ["first", "second"]
