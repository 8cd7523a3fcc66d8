"""Memory is given back when environments have ended, and tidied when none is left."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from lamina import heap
from lamina.worker.tidying import Tidying

pytestmark = pytest.mark.anybody


@pytest.mark.parametrize(("alive", "done"), [(True, "given back"), (False, "tidied")])
def test_for_all_that_end_together_memory_is_given_back_once_and_tidied_if_none_is_alive(
    monkeypatch: pytest.MonkeyPatch, alive: bool, done: str
) -> None:
    what: list[str] = []
    monkeypatch.setattr(heap, "give_back", lambda: what.append("given back"))
    monkeypatch.setattr(heap, "tidy", lambda: what.append("tidied"))

    async def main() -> None:
        looked = asyncio.Event()

        def look() -> bool:
            looked.set()
            return alive

        tidying = Tidying(look, 0.01)
        for _ in range(3):
            tidying.note()
        await asyncio.wait_for(looked.wait(), 30)
        looked.clear()
        tidying.note()
        await asyncio.wait_for(looked.wait(), 30)

    # Returns when its threads have ended.
    asyncio.run(main())
    assert what == [done, done]


def test_what_is_closed_does_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    what: list[str] = []
    monkeypatch.setattr(heap, "tidy", lambda: what.append("tidied"))

    async def main() -> None:
        looked = asyncio.Event()

        def look() -> bool:
            looked.set()
            return False

        closed, other = Tidying(lambda: False, 0.01), Tidying(look, 0.01)
        closed.note()
        closed.close()
        closed.note()
        other.note()
        await asyncio.wait_for(looked.wait(), 30)

    asyncio.run(main())
    assert what == ["tidied"]


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
