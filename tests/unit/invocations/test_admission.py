"""Who is let in: calls under way are counted by function, and by account for those who reserve nothing."""

from __future__ import annotations

from lamina.invocations.admission import RESERVED, SHARED, Admission, Limits, Slot
from lamina.names import FunctionArn, Scope

HERE = Scope("123456789012", "eu-west-1")
F, G = FunctionArn(HERE, "f"), FunctionArn(HERE, "g")


def test_15_3_a_function_runs_as_often_at_once_as_it_has_reserved() -> None:
    admission, limits = Admission(), Limits(own=2, shared=0)
    one, two = admission.enter(F, limits), admission.enter(F, limits)
    assert admission.enter(F, limits) == RESERVED
    assert isinstance(one, Slot)
    assert isinstance(two, Slot)
    admission.leave(one)
    assert isinstance(admission.enter(F, limits), Slot)
    assert admission.enter(F, limits) == RESERVED


def test_15_1_zero_lets_nobody_in() -> None:
    assert Admission().enter(F, Limits(own=0, shared=1000)) == RESERVED


def test_functions_that_reserve_nothing_share_what_is_left() -> None:
    admission, limits = Admission(), Limits(own=None, shared=2)
    slot = admission.enter(F, limits)
    admission.enter(G, limits)
    assert admission.enter(G, limits) == SHARED
    elsewhere = FunctionArn(Scope("210987654321", "eu-west-1"), "f")
    assert isinstance(admission.enter(elsewhere, limits), Slot)
    assert isinstance(slot, Slot)
    admission.leave(slot)
    assert isinstance(admission.enter(G, limits), Slot)
