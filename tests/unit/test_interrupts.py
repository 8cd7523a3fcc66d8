"""Signals that wait until something is known."""

from __future__ import annotations

import signal
import threading

import pytest

from lamina.interrupts import uninterrupted


def test_what_comes_meanwhile_is_handled_right_after() -> None:
    handler = signal.getsignal(signal.SIGINT)
    known: list[str] = []

    def begin() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            known.append("the process")

    with pytest.raises(KeyboardInterrupt):
        begin()
    assert known == ["the process"]
    assert signal.getsignal(signal.SIGINT) is handler


def test_what_fails_meanwhile_fails_and_handlers_are_as_they_were() -> None:
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(FileNotFoundError), uninterrupted():
        raise FileNotFoundError
    assert signal.getsignal(signal.SIGINT) is handler


def test_another_thread_than_the_main_one_handles_no_signals() -> None:
    passed: list[bool] = []

    def work() -> None:
        with uninterrupted():
            passed.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert passed == [True]
