"""A large body is handed over once, in its order, by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, cast

import pytest

from lamina.gateway.intake import Intake
from lamina.wire import ComingJson

pytestmark = pytest.mark.anybody
PIECE = b"x" * 300_000


class Body:
    """Keeps what it is fed."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def feed(self, piece: bytes) -> None:
        self.pieces.append(piece)


class Later(Executor):
    """Does what it was given when it is told to."""

    def __init__(self) -> None:
        self.due: list[Callable[[], object]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.due.append(lambda: fn(*args, **kwargs))
        return Future()

    def catch_up(self) -> int:
        due, self.due = self.due, []
        for each in due:
            each()
        return len(due)


def test_further_pieces_wake_no_further_thread_while_one_is_at_it() -> None:
    body, threads = Body(), Later()
    intake = Intake(cast(ComingJson, body), threads)
    for _ in range(9):
        intake.take(PIECE)
    assert (threads.catch_up(), body.pieces) == (1, [PIECE] * 9)
    intake.take(PIECE)
    intake.take(PIECE)
    assert threads.catch_up() == 1


def test_what_no_thread_has_read_is_read_by_who_wants_the_whole() -> None:
    body, threads = Body(), Later()
    intake = Intake(cast(ComingJson, body), threads)
    for number in range(5):
        intake.take(PIECE + bytes([number]))
    assert intake.whole() is cast(object, body)
    assert [piece[-1] for piece in body.pieces] == [0, 1, 2, 3, 4]
    threads.catch_up()
    assert len(body.pieces) == 5
