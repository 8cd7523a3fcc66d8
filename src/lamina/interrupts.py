"""Ctrl-C and SIGTERM, kept from falling between the start of a process and the word to end it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[None]:
    """What comes within this block is handled right after it, by whatever would have handled it.

    A handler that raises does so anywhere: also in `Popen` when the process runs already and nobody knows it yet.
    Signals without a handler do what they do at once. Only the main thread handles signals; others pass unhindered.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handled = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in handled:
        signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in handled.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)
