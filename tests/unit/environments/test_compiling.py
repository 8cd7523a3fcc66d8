"""Asking a compiler that may die of what it reads; nothing is compiled here."""

from __future__ import annotations

import struct

import pytest

from lamina.environments.compiling import Asking, cache_tag, compiling_begins, frames, worthwhile


@pytest.mark.parametrize(
    ("runtime", "tag"),
    [("python3.8", "cpython-38"), ("python3.12", "cpython-312"), ("nodejs22.x", None), ("provided.al2023", None)],
)
def test_byte_code_is_pythons_and_named_for_its_version(runtime: str, tag: str | None) -> None:
    assert cache_tag(runtime) == tag


@pytest.mark.parametrize(
    ("declared", "running", "chosen"),
    [
        ([], {"python3.12"}, []),
        (["python3.9", "python3.12", "nodejs22.x"], set(), ["python3.12"]),
        (["python3.12", "python3.9"], set(), ["python3.12"]),
        (["python3.9", "python3.12"], {"python3.9", "nodejs22.x"}, ["python3.9"]),
        (["python3.9", "python3.12"], {"python3.9", "python3.12"}, ["python3.9", "python3.12"]),
        (["python3.7", "nodejs22.x"], {"nodejs22.x"}, []),
    ],
)
def test_a_layer_is_compiled_ahead_for_what_runs_else_for_one(
    declared: list[str], running: set[str], chosen: list[str]
) -> None:
    ready = {"python3.9", "python3.12", "nodejs22.x"}
    assert worthwhile(declared, ready, running) == chosen


def test_compiling_begins_when_nobody_asks_for_more_unless_they_never_stop() -> None:
    assert compiling_begins(since=100.0, asked=100.0) == 100.25
    assert compiling_begins(since=100.0, asked=101.0) == 101.25
    assert compiling_begins(since=100.0, asked=200.0) == 105.0
    assert compiling_begins(since=100.0, asked=50.0) <= 100.0


def framed(*pieces: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(piece)) + piece for piece in pieces)


def test_frames_are_taken_apart_in_their_order() -> None:
    assert frames(framed(b"one", b"", b"three"), 5) == [b"one", b"", b"three"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\0",
        framed(b"one")[:-1],
        framed(b"one") + b"\xff\xff\xff\xff",
        framed(b"1", b"2", b"3"),
        b'{"errorType":"Runtime.ExitError"}',
    ],
)
def test_what_is_not_of_the_form_counts_as_no_answer(answer: bytes) -> None:
    assert frames(answer, 2) == []


def ask(count: int, deadly: set[int], at_once: int = 100) -> tuple[list[int], list[int]]:
    """What a compiler does and does not make that dies of the sources *deadly*."""
    asking, made = Asking(count), []
    while asked := asking.next():
        if deadly.isdisjoint(asked):
            done = list(asked)[:at_once]
            made += done
            asking.answered(len(done))
        else:
            asking.failed()
    return made, asking.given_up


def test_every_source_is_asked_for_once_however_few_an_answer_takes() -> None:
    assert ask(1234, set()) == (list(range(1234)), [])


def test_a_source_that_kills_is_found_and_left_out() -> None:
    made, given_up = ask(1234, {700})
    assert given_up == [700]
    assert made == [index for index in range(1234) if index != 700]


def test_the_very_last_may_be_the_one() -> None:
    assert ask(3, {2}) == ([0, 1], [2])


def test_a_tree_full_of_them_is_given_up() -> None:
    made, given_up = ask(1000, set(range(10, 1000)))
    assert made == list(range(10))
    assert given_up == list(range(10, 1000))
