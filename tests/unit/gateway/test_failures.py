"""How often the signatures of one address may be wrong."""

from __future__ import annotations

import tracemalloc

import pytest

from lamina.gateway.failures import ORIGINS_MAX, Failures

pytestmark = pytest.mark.anybody

HERE, THERE = "10.0.0.7", "10.0.0.8"


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_address_is_told_to_wait_once_it_was_wrong_too_often_and_others_are_not() -> None:
    failures = Failures(3, clock=Clock())
    assert [failures.failed(HERE, "k") for _ in range(3)] == [False, False, True]
    assert not failures.may_try(HERE, "k")
    assert not failures.may_try(HERE, "another")
    assert failures.may_try(THERE, "k")
    assert not failures.failed(HERE, "k")


def test_it_may_try_again_by_and_by() -> None:
    clock = Clock()
    failures = Failures(6, clock=clock)
    for _ in range(6):
        failures.failed(HERE, "k")
    clock.now += 9.9
    assert not failures.may_try(HERE, "k")
    clock.now += 0.2
    assert failures.may_try(HERE, "k")
    failures.failed(HERE, "k")
    assert not failures.may_try(HERE, "k")
    clock.now += 3600
    assert [failures.failed(HERE, "k") for _ in range(6)] == [False] * 5 + [True]


def test_who_shares_an_address_and_signs_rightly_goes_on() -> None:
    clock = Clock()
    failures = Failures(2, clock=clock)
    failures.failed(HERE, "wrong")
    failures.right(HERE, "neighbour")
    for _ in range(10):
        failures.failed(HERE, "wrong")
    assert failures.may_try(HERE, "neighbour")
    assert not failures.may_try(HERE, "wrong")
    # Whoever knows no more than the name of the key does not get far with it.
    failures.failed(HERE, "neighbour")
    assert not failures.may_try(HERE, "neighbour")
    clock.now += 31
    assert failures.may_try(HERE, "neighbour")
    failures.right(HERE, "neighbour")
    failures.failed(HERE, "wrong")
    assert failures.may_try(HERE, "neighbour")


def test_this_machine_may_be_wrong_as_often_as_it_likes_and_so_may_anybody_without_a_limit() -> None:
    failures, unlimited = Failures(1), Failures(0)
    for _ in range(100):
        assert not failures.failed("127.0.0.1", "k")
        assert not unlimited.failed(HERE, "k")
    assert failures.may_try("127.0.0.1", "k")
    assert unlimited.may_try(HERE, "k")


def test_what_is_known_of_addresses_is_bounded_whatever_they_send() -> None:
    failures = Failures(1, clock=Clock())
    failures.failed("2001:db8::", "k" * 20)
    for number in range(100):
        failures.right("2001:db8::", f"{number}")
    tracemalloc.start()
    try:
        for number in range(2 * ORIGINS_MAX):
            failures.failed(f"2001:db8:0:{number:x}::9", f"{number}")
        assert tracemalloc.get_traced_memory()[0] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert failures.may_try("2001:db8::", "0")
    assert not failures.may_try("2001:db8:0:1fff::1", "0")
