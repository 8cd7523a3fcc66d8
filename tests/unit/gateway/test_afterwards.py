"""Memory is given back once large requests have ceased, and once for all of them."""

from __future__ import annotations

import asyncio

import pytest

from lamina import heap
from lamina.gateway.afterwards import Afterwards

pytestmark = pytest.mark.anybody


def test_many_large_requests_are_followed_by_one_giving_back_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    given_back: list[float] = []

    async def main() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def give_back() -> None:
            given_back.append(loop.time())
            loop.call_soon_threadsafe(done.set)

        monkeypatch.setattr(heap, "give_back", give_back)
        afterwards = Afterwards(peace_s=0.05)
        for round_ in (1, 2):
            for _ in range(3):
                afterwards.note()
            last = loop.time()
            await done.wait()
            done.clear()
            assert len(given_back) == round_
            assert given_back[-1] >= last + 0.05

    asyncio.run(asyncio.wait_for(main(), 30))
