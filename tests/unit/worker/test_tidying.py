"""Memory is tidied when the last environment has ended, not while any is alive."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from lamina import heap
from lamina.worker.tidying import Tidying

pytestmark = pytest.mark.anybody


@pytest.mark.parametrize("alive", [True, False])
def test_it_is_tidied_once_for_all_that_end_together_and_not_while_any_is_alive(
    monkeypatch: pytest.MonkeyPatch, alive: bool
) -> None:
    looked: list[bool] = []
    tidied: list[bool] = []
    monkeypatch.setattr(heap, "tidy", lambda: tidied.append(True))

    async def main() -> None:
        seen = asyncio.Event()

        def look() -> bool:
            looked.append(alive)
            seen.set()
            return alive

        tidying = Tidying(look, 0.01)
        for _ in range(3):
            tidying.note()
        await asyncio.wait_for(seen.wait(), 30)

    # Returns when its threads have ended.
    asyncio.run(main())
    assert looked == [alive]
    assert len(tidied) == (0 if alive else 1)


def test_tidying_ends_what_only_refers_to_itself() -> None:
    class Loop:
        def __init__(self) -> None:
            self.itself = self

    gc.disable()
    try:
        dead = weakref.ref(Loop())
        assert dead() is not None
        heap.tidy()
        assert dead() is None
    finally:
        gc.enable()
