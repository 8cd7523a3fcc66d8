"""What a runtime brings into its root, and the interpreter that process 1 of what is executed runs on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lamina.sandbox import contents
from lamina.sandbox.contents import HOUSE, STAGE, Entry, InterpreterLayout

STANDALONE = InterpreterLayout(
    version="3.12",
    release="3.12.1",
    prefix=Path("/pyenv/3.12.1"),
    executable=Path("/pyenv/3.12.1/bin/python3.12"),
    standard_library=Path("/pyenv/3.12.1/lib/python3.12"),
    shared_library=None,
    standalone=True,
    has_site_packages=True,
)
OF_A_DISTRIBUTION = InterpreterLayout(
    version="3.11",
    release="3.11.2",
    prefix=Path("/usr"),
    executable=Path("/usr/bin/python3.11"),
    standard_library=Path("/usr/lib/python3.11"),
    shared_library=Path("/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0"),
    standalone=False,
    has_site_packages=False,
)


def sources(operations: list[tuple[str, ...]]) -> dict[str, str]:
    """Place -> what is shown there."""
    return {operation[1]: operation[2] for operation in operations if operation[0] == "bind_read_only"}


def test_a_standalone_interpreter_is_the_house_with_all_its_prefix() -> None:
    assert sources(contents.house(STANDALONE)) == {HOUSE: "/pyenv/3.12.1"}


@pytest.mark.parametrize("site_packages", [True, False])
def test_of_a_distributions_only_what_it_takes_is_the_house(site_packages: bool) -> None:
    assert sources(contents.house(replace(OF_A_DISTRIBUTION, has_site_packages=site_packages))) == {
        f"{HOUSE}/bin/python3.11": "/usr/bin/python3.11",
        f"{HOUSE}/lib/libpython3.11.so.1.0": "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0",
        f"{HOUSE}/lib/python3.11": "/usr/lib/python3.11",
    }


@pytest.mark.parametrize("layout", [STANDALONE, OF_A_DISTRIBUTION])
def test_the_house_lies_in_the_stage_and_goes_with_it(layout: InterpreterLayout) -> None:
    assert all(operation[1].startswith(f"{STAGE}/") for operation in contents.house(layout))


@pytest.mark.parametrize("layout", [STANDALONE, OF_A_DISTRIBUTION])
def test_every_place_is_made_before_something_is_shown_there(layout: InterpreterLayout) -> None:
    made: set[str] = set()
    for name, target, *_ in contents.house(layout) + contents.program("/var/lang/bin/node", Path("/usr/bin/node")):
        if name in ("folder", "file", "symlink"):
            made.add(target)
        else:
            assert target in made, (name, target)


def test_a_folder_is_gathered_from_several_places_the_first_of_a_name_winning() -> None:
    entries = [Entry(Path("/a/x"), False), Entry(Path("/b/x"), True), Entry(Path("/b/y"), True)]
    operations = contents.gathered("/var/runtime", entries)
    assert operations[0] == ("folder", "/var/runtime")
    assert sources(operations) == {"/var/runtime/x": "/a/x", "/var/runtime/y": "/b/y"}
