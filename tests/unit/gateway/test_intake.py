"""A large body is handed over once, in its order, by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from socket import socket
from typing import Any, Self, cast

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


class Sender:
    """Has *pieces* at hand, and then none; *last* is what it says instead."""

    def __init__(self, *pieces: bytes, last: OSError | None = None) -> None:
        self.pieces = list(pieces)
        self.last = last or TimeoutError()
        self.closed = False

    def settimeout(self, seconds: float) -> None:
        assert seconds < 1

    def recv(self, size: int) -> bytes:
        if not self.pieces:
            raise self.last
        piece, rest = self.pieces[0][:size], self.pieces[0][size:]
        self.pieces[:1] = [rest] if rest else []
        return piece

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


def draw(intake: Intake, sender: Sender, size: int) -> int:
    drawn = intake.draw(cast(socket, sender), size)
    assert sender.closed
    return drawn


def test_what_a_sender_has_at_hand_is_drawn_behind_what_came_before() -> None:
    body, threads = Body(), Later()
    intake = Intake(cast(ComingJson, body), threads)
    intake.take(b"before")
    assert draw(intake, Sender(PIECE, PIECE), 10_000_000) == 2 * len(PIECE)
    assert b"".join(body.pieces) == b"before" + PIECE + PIECE


def test_no_more_is_drawn_than_belongs_to_a_body() -> None:
    body, sender = Body(), Sender(PIECE, b"GET / HTTP/1.1")
    assert draw(Intake(cast(ComingJson, body), Later()), sender, len(PIECE)) == len(PIECE)
    assert sender.pieces == [b"GET / HTTP/1.1"]


@pytest.mark.parametrize(
    "sender", [Sender(PIECE, b"", PIECE), Sender(PIECE, last=ConnectionResetError()), Sender(PIECE, b"drop", PIECE)]
)
def test_the_loop_waits_for_a_slow_sender_and_sees_the_end_of_one(sender: Sender) -> None:
    body = Body()
    drawn = draw(Intake(cast(ComingJson, body), Later()), sender, 10_000_000)
    assert len(PIECE) <= drawn == sum(map(len, body.pieces)) <= len(PIECE) + 4


def test_nothing_is_drawn_that_nobody_wants_any_more() -> None:
    intake = Intake(cast(ComingJson, Body()), Later())
    intake.abandon()
    assert draw(intake, Sender(PIECE), 10_000_000) == 0


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
