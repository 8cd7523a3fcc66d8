"""Records that cost nothing extra are what the standard library's frozen ones are, but for what nobody does to them."""

from __future__ import annotations

from dataclasses import field, fields, replace

import pytest

from lamina.values import dataclass

pytestmark = pytest.mark.anybody


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    label: str = field(default="", compare=False)


def test_they_are_equal_and_hashed_by_the_fields_that_are_compared() -> None:
    assert Point(1) == Point(1, 2, "here")
    assert {Point(1): "found"}[Point(1, 2, "there")] == "found"
    assert Point(1) != Point(2)


def test_they_are_changed_by_making_another() -> None:
    assert replace(Point(1), x=3) == Point(3)
    assert [each.name for each in fields(Point)] == ["x", "y", "label"]
    assert not hasattr(Point(1), "__dict__")
