"""Shares of threads: bounded, in order, and no reason for others to wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lamina.gateway.shares import Share

_PATIENCE_S = 30


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_who_has_more_to_do_than_its_share_keeps_nobody_else_waiting(threads: ThreadPoolExecutor) -> None:
    greedy, modest = Share(threads, 1), Share(threads, 1)
    go_on = threading.Event()
    held = [greedy.submit(go_on.wait, _PATIENCE_S) for _ in range(10)]
    try:
        assert modest.submit(lambda: "done").result(_PATIENCE_S) == "done"
        assert sum(future.running() for future in held) <= 1
    finally:
        go_on.set()
    assert [future.result(_PATIENCE_S) for future in held] == [True] * 10


def test_what_waits_is_done_in_its_order_and_failures_are_told(threads: ThreadPoolExecutor) -> None:
    share, done = Share(threads, 1), list[int]()
    futures = [share.submit(done.append, number) for number in range(50)]
    with pytest.raises(ZeroDivisionError):
        share.submit(lambda: 1 // 0).result(_PATIENCE_S)
    assert all(future.done() for future in futures)
    assert done == list(range(50))


def test_what_was_cancelled_while_it_waited_is_not_done(threads: ThreadPoolExecutor) -> None:
    share, done = Share(threads, 1), list[int]()
    go_on = threading.Event()
    first = share.submit(go_on.wait, _PATIENCE_S)
    waiting = share.submit(done.append, 1)
    assert waiting.cancel()
    go_on.set()
    assert first.result(_PATIENCE_S)
    share.submit(done.append, 2).result(_PATIENCE_S)
    assert done == [2]
