"""Which idle environments end, and in what order."""

from __future__ import annotations

from lamina.environments.eviction import Idle, Policy, reserve_bytes

MB = 1 << 20
PLENTY = 1 << 40
POLICY = Policy(keepalive_s=60, reserve_bytes=400 * MB)


def over(idle: list[Idle[str]], now: float = 100, available: int = PLENTY, each_holds: int = 50 * MB) -> list[str]:
    return POLICY.over(idle, now, available, lambda _member: each_holds)


def test_one_is_kept_for_its_time_and_no_longer() -> None:
    idle = [Idle("old", 39.9), Idle("just", 40), Idle("young", 99)]
    assert over(idle) == ["old"]


def test_one_that_can_serve_nobody_ends_at_once_even_if_it_is_kept() -> None:
    assert over([Idle("dead", 99, sound=False), Idle("dead too", 99, sound=False, kept=True)]) == ["dead", "dead too"]


def test_what_somebody_pays_for_stays_whatever_happens() -> None:
    assert over([Idle("paid", 0, kept=True)], available=0) == []


def test_a_lasting_one_goes_for_want_of_memory_alone() -> None:
    assert over([Idle("snapshot", 0, lasting=True)]) == []
    assert over([Idle("snapshot", 0, lasting=True)], available=0) == ["snapshot"]


def test_as_long_as_memory_is_left_none_is_asked_what_it_holds() -> None:
    def held(_member: str) -> int:
        raise AssertionError("that takes time")

    assert POLICY.over([Idle("a", 99)], 100, 400 * MB, held) == []


def test_short_of_memory_those_idle_for_longest_go_until_there_is_enough_and_some_more() -> None:
    idle = [Idle(name, 90 + moment) for moment, name in enumerate("abcdef")]
    # 300 are left of the 400 that should be: 200 more make 500.
    assert over(idle, available=300 * MB) == ["a", "b", "c", "d"]


def test_those_whose_time_is_over_are_not_counted_twice() -> None:
    idle = [Idle("old", 0), Idle("a", 90), Idle("b", 91)]
    assert over(idle, available=399 * MB, each_holds=200 * MB) == ["old", "a"]


def test_one_of_which_nothing_is_known_counts_as_a_little() -> None:
    idle = [Idle(str(number), 90) for number in range(100)]
    assert len(over(idle, available=399 * MB, each_holds=0)) == 13


def test_the_reserve_is_a_share_of_the_machine_unless_the_operator_wants_another() -> None:
    assert reserve_bytes(None, 4 << 30) == (4 << 30) // 20
    assert reserve_bytes(None, 64 << 30) == 512 * MB
    assert reserve_bytes(0, 4 << 30) == 0
    assert reserve_bytes(3, 4 << 30) == 3 * MB
