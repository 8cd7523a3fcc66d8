"""What an environment is said to have used: asked of the kernel, with this process for a runtime."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from lamina.worker.memory import MemoryGauge

_MB = 1 << 20


class Group:
    """A control group; counts how often it is asked for the figure that is costly."""

    def __init__(self) -> None:
        self.held = 0
        self.peak: int | None = 0
        self.asked = 0

    def memory_held_bytes(self) -> int:
        self.asked += 1
        return self.held

    def memory_peak_bytes(self) -> int | None:
        return self.peak


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def group() -> Group:
    return Group()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gauge(group: Group, clock: Clock) -> Iterator[MemoryGauge]:
    gauge = MemoryGauge(group, clock)
    yield gauge
    gauge.close()


@pytest.fixture
def still() -> Iterator[int]:
    """A process that has nothing to do, and so takes no more memory."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"ready")
        process.stdout.read(5)
        yield process.pid
        process.stdin.close()


def test_it_is_the_most_that_was_ever_held(gauge: MemoryGauge, group: Group) -> None:
    told = []
    for held in (5, 9, 7):
        group.held = held * _MB
        group.peak = (group.peak or 0) + _MB
        told.append(gauge.used_mb(0))
    assert told == [5, 9, 9]


def test_what_the_runtimes_process_holds_counts_where_there_is_no_group(gauge: MemoryGauge, group: Group) -> None:
    group.peak = None
    assert gauge.used_mb(os.getpid()) > 5


def test_what_a_process_held_that_has_ended_counts(gauge: MemoryGauge) -> None:
    gauge.ended(61 * 1024)
    gauge.ended(7 * 1024)
    assert gauge.used_mb(0) == 61


def test_nothing_is_asked_again_while_nothing_can_have_grown(
    gauge: MemoryGauge, group: Group, clock: Clock, still: int
) -> None:
    gauge.used_mb(still)
    gauge.used_mb(still)
    assert group.asked == 1
    # The kernel may still have been counting.
    clock.now += 1
    gauge.used_mb(still)
    assert group.asked == 2
    clock.now += 60
    gauge.used_mb(still)
    assert group.asked == 2


def test_what_grows_by_a_few_pages_is_asked_for_when_they_have_become_many(
    gauge: MemoryGauge, group: Group, clock: Clock, still: int
) -> None:
    gauge.used_mb(still)
    for _ in range(100):
        group.peak = (group.peak or 0) + 4096
        gauge.used_mb(still)
    assert group.asked == 1 + 100 * 4096 // (128 * 1024)


def test_a_higher_charge_is_looked_into(gauge: MemoryGauge, group: Group, clock: Clock, still: int) -> None:
    gauge.used_mb(still)
    clock.now += 60
    group.peak, group.held = 900 * _MB, 800 * _MB
    assert gauge.used_mb(still) == 800


def test_another_process_is_looked_at_anew(gauge: MemoryGauge, group: Group, clock: Clock) -> None:
    gauge.used_mb(0)
    clock.now += 60
    assert gauge.used_mb(os.getpid()) > 5


def test_a_process_that_has_ended_costs_nothing_but_the_time(gauge: MemoryGauge, group: Group) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    group.held = 3 * _MB
    assert gauge.used_mb(pid) == 3


def test_who_was_killed_for_it_had_all(gauge: MemoryGauge, group: Group) -> None:
    gauge.is_all(128)
    assert gauge.used_mb(0) == 128
