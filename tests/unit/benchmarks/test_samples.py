from __future__ import annotations

import pytest

from benchmarks.samples import Row, Sample, Tally


def _sample(*values: float) -> Sample:
    return Sample("Lamina", "ms", values)


def test_the_median_is_the_middle_whatever_the_order() -> None:
    assert _sample(9, 1, 5).median == 5
    assert _sample(4, 1, 3, 2).median == 2.5
    assert _sample(7).median == 7


def test_a_percentile_is_a_value_that_was_measured() -> None:
    hundred = _sample(*range(100, 0, -1))
    assert hundred.percentile(99) == 99
    assert hundred.percentile(100) == 100
    assert hundred.percentile(1) == 1
    assert _sample(3, 8).percentile(99) == 8
    assert _sample(3).percentile(1) == 3


def test_nothing_measured_is_no_sample() -> None:
    with pytest.raises(AssertionError, match="Lamina: nothing was measured"):
        _sample()


def test_a_tally_keeps_values_by_name_in_the_order_the_names_came() -> None:
    tally = Tally()
    for value in (1.0, 2.0):
        tally.add("RIE", "ms", value)
        tally.add("Lamina", "ms", value * 10, value * 100)
    tally.add("never", "ms")
    assert tally.samples() == [Sample("RIE", "ms", (1, 2)), Sample("Lamina", "ms", (10, 100, 20, 200))]


def test_two_samples_of_one_name_are_a_mistake() -> None:
    with pytest.raises(AssertionError, match="cold: two samples of one name"):
        Row.of("cold", [_sample(1), _sample(2)])
