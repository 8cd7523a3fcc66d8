"""Figures by function stay bounded, and lose nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lamina.names import FunctionArn, Scope
from lamina.observability.functions import Functions

SCOPE = Scope("000000000000", "us-east-1")


def _arn(number: int) -> FunctionArn:
    return FunctionArn(SCOPE, f"f{number}", None)


@given(st.lists(st.integers(0, 9)))
def test_only_those_called_last_have_their_own_and_the_total_never_goes_down(calls: list[int]) -> None:
    functions = Functions(functions_max=3)
    for count, number in enumerate(calls, 1):
        functions.of(_arn(number)).calls += 1
        assert sum(figures.calls for _, figures in functions) == count
        own = {function.name for function, _ in functions if function is not None}
        last = list(dict.fromkeys(f"f{each}" for each in reversed(calls[:count])))[:3]
        assert own == set(last)


def test_the_durations_of_who_gives_way_are_kept_with_those_of_the_others() -> None:
    functions = Functions(functions_max=1)
    functions.of(_arn(1)).durations.observe(0.2)
    functions.of(_arn(2)).durations.observe(0.3)
    functions.of(_arn(3))
    others = dict(functions)[None]
    assert others.durations.seconds == 0.5
    assert sum(others.durations.counts) == 2
