"""A share of threads that several have together: whoever asks for much waits for itself, and not the others for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Share(Executor):
    """Does what it is given in *threads*, in its order and at most *at_once* of it at the same time.

    Each piece of work queues anew for a thread, so that shares take turns. It ends with its threads.
    """

    def __init__(self, threads: Executor, at_once: int) -> None:
        self._threads = threads
        self._at_once = at_once
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._running = 0

    def submit(self, work: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work(*arguments, **named))
                except BaseException as error:  # noqa: BLE001 - whoever waits for it is told, whatever it is
                    future.set_exception(error)

        with self._lock:
            self._waiting.append(run)
        self._begin_next()
        return future

    def _begin_next(self) -> None:
        with self._lock:
            if self._running >= self._at_once or not self._waiting:
                return
            self._running += 1
            work = self._waiting.popleft()
        self._threads.submit(self._do, work)

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self._lock:
                self._running -= 1
            self._begin_next()
