"""What would not fit, and how to divide it."""

from __future__ import annotations

import pytest

from lamina.workshop.building.pieces import Package
from lamina.workshop.building.sizes import PackageSize, divide, overflows
from lamina.workshop.errors import WorkshopError


def _size(name: str, zipped_mb: float, unzipped_mb: float) -> PackageSize:
    return PackageSize(Package(name), 1, int(zipped_mb * 1e6), int(unzipped_mb * 1e6))


def test_what_fits_needs_no_word() -> None:
    assert overflows([_size("numpy", 20, 60), _size("pandas", 15, 60)], divided=False) == []


def test_the_smallest_package_that_frees_enough_is_named() -> None:
    sizes = [_size("torch", 30, 200), _size("scipy", 10, 40), _size("numpy", 5, 30), _size("six", 0, 0.1)]
    (said,) = overflows(sizes, divided=False)
    assert said == (
        "it unpacks to 270.1 MB, and a function may have 262.1 MB with all its layers: numpy (30.0 MB) would have to go"
    )


def test_several_are_named_when_none_is_enough() -> None:
    sizes = [_size("a", 30, 60), _size("b", 29, 60), _size("c", 28, 60), _size("d", 27, 60)]
    (said,) = overflows(sizes, divided=False)
    assert "its archive has 114.0 MB" in said
    assert "a (30.0 MB) and b (29.0 MB) and c (28.0 MB) could move" in said


def test_a_divided_layer_is_held_to_what_all_have_together() -> None:
    sizes = [_size("a", 45, 200), _size("b", 45, 200)]
    assert len(overflows(sizes, divided=False)) == 2
    assert ["unpacks" in said for said in overflows(sizes, divided=True)] == [True]


def test_as_few_layers_as_can_be_uploaded() -> None:
    sizes = [_size("a", 30, 60), _size("b", 25, 60), _size("c", 20, 60), _size("d", 20, 30), _size("e", 1, 1)]
    assert [[package.name for package in layer] for layer in divide(sizes)] == [["a", "c", "e"], ["b", "d"]]
    assert divide(sizes) == divide(sizes[::-1])


def test_a_package_that_fits_nowhere_is_named() -> None:
    with pytest.raises(WorkshopError, match="torch alone is too large"):
        divide([_size("torch", 60, 200)])


def test_there_is_no_sixth_layer() -> None:
    with pytest.raises(WorkshopError, match="it takes 6 layers, and a function can have 5"):
        divide([_size(name, 40, 40) for name in "abcdef"])
