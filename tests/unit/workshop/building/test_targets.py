"""How uv and npm call what a layer is built for."""

from __future__ import annotations

import pytest

from lamina.workshop.building.inputs import Ecosystem
from lamina.workshop.building.pieces import Package, Piece
from lamina.workshop.building.targets import Target
from lamina.workshop.building.variants import merge, targets_of
from lamina.workshop.errors import WorkshopError

NUMPY, SIX = Package("numpy", "2.0"), Package("six", "1.0")
ARM, INTEL = Target("python3.12", "arm64"), Target("python3.12", "x86_64")


@pytest.mark.parametrize(
    ("target", "platform"),
    [
        (Target("python3.11", "x86_64"), "x86_64-manylinux_2_17"),
        (Target("python3.12", "x86_64"), "x86_64-manylinux_2_34"),
        (Target("python3.14", "arm64"), "aarch64-manylinux_2_34"),
    ],
)
def test_wheels_are_those_that_the_runtimes_system_can_load(target: Target, platform: str) -> None:
    # Amazon Linux 2 has glibc 2.26, and uv no name between 2.17 and 2.28.
    assert target.uv_platform == platform


def test_npm_is_told_the_system_of_the_function() -> None:
    assert ARM.npm_options == ("--os=linux", "--cpu=arm64", "--libc=glibc")


def test_a_python_has_to_be_named() -> None:
    with pytest.raises(WorkshopError, match="for which Python"):
        targets_of(Ecosystem.PYTHON, "numbers", (), ())
    with pytest.raises(WorkshopError, match=r"is for nodejs22\.x, and what it is built from is Python"):
        targets_of(Ecosystem.PYTHON, "numbers", ("nodejs22.x",), ())


def test_packages_are_installed_once_for_each_runtime_and_cpu_that_make_a_difference() -> None:
    runtimes, cpus = ("python3.12", "python3.13", "nodejs22.x", "nodejs20.x", "java21"), ("x86_64", "arm64")
    assert len(targets_of(Ecosystem.PYTHON, "n", runtimes, cpus)) == 4
    assert len(targets_of(Ecosystem.NODE, "n", runtimes, cpus)) == 2
    assert len(targets_of(Ecosystem.JAVA, "n", runtimes, cpus)) == 1
    assert [target.architecture for target in targets_of(Ecosystem.NODE, "n", (), ())] == ["x86_64"]


def test_what_is_the_same_for_all_is_there_once() -> None:
    piece = Piece("python/six.py", SIX, data=b"x")
    assert merge({ARM: [piece], INTEL: [piece], Target("python3.13", "arm64"): [piece]}, "n") == [piece]


def test_what_differs_between_pythons_lies_where_each_looks() -> None:
    variants = {
        Target(f"python3.{minor}", "x86_64"): [Piece("python/m.so", NUMPY, data=minor.encode())]
        for minor in ("12", "13")
    }
    assert {piece.path: piece.data for piece in merge(variants, "n")} == {
        "python/lib/python3.12/site-packages/m.so": b"12",
        "python/lib/python3.13/site-packages/m.so": b"13",
    }


def test_what_differs_between_cpus_is_refused_by_name() -> None:
    same = Piece("python/six.py", SIX, data=b"x")
    variants = {target: [same, Piece("python/m.so", NUMPY, data=str(target).encode())] for target in (ARM, INTEL)}
    with pytest.raises(WorkshopError, match=r"the layer n cannot serve two architectures: numpy is compiled for one"):
        merge(variants, "n")
