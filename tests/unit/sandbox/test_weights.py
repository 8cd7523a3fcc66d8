"""Shares of processor time go by memory."""

from __future__ import annotations

import pytest

from lamina.sandbox import weights

pytestmark = pytest.mark.anybody

_MB = 1 << 20
# What the kernel takes.
_V1, _V2 = range(2, 262_145), range(1, 10_001)


@pytest.mark.parametrize("memory_mb", [128, 256, 1_769, 10_240])
def test_twice_the_memory_weighs_twice_as_much(memory_mb: int) -> None:
    assert weights.v1_shares(memory_mb * _MB) / weights.v1_shares(128 * _MB) == pytest.approx(memory_mb / 128, rel=0.01)
    assert weights.v2_weight(memory_mb * _MB) / weights.v2_weight(128 * _MB) == pytest.approx(memory_mb / 128, rel=0.01)


@pytest.mark.parametrize("memory_mb", [1, 128, 10_240, 10_000_000])
def test_the_kernel_takes_every_weight(memory_mb: int) -> None:
    assert weights.v1_shares(memory_mb * _MB) in _V1
    assert weights.v2_weight(memory_mb * _MB) in _V2
    assert weights.v1_shares_of_all(memory_mb) in _V1
    assert weights.v2_weight_of_all(memory_mb) in _V2


def test_the_smallest_function_weighs_what_nobody_weighed() -> None:
    assert (weights.v1_shares(128 * _MB), weights.v2_weight(128 * _MB)) == (1024, 100)


def test_what_runs_in_the_background_weighs_next_to_nothing() -> None:
    assert weights.v1_shares(128 * _MB) / weights.V1_LEAST > 50
    assert weights.v2_weight(128 * _MB) / weights.V2_LEAST > 50
