"""How much memory there is, read from files like the kernel's and from the kernel's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.sandbox import memory
from lamina.sandbox.memory import Memory, MemoryView

KIB = 1024
MACHINE = "MemTotal:        8000 kB\nMemFree:          100 kB\nMemAvailable:    5000 kB\n"
V1_UNLIMITED = 9223372036854771712


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    file = tmp_path / "meminfo"
    file.write_text(MACHINE)
    return file


def group(folder: Path, **files: int | str) -> Path:
    """A control group's folder; in the names of *files*, "__" is a dot."""
    folder.mkdir()
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")
    return folder


def test_without_groups_it_is_the_machines(machine: Path) -> None:
    assert MemoryView((), machine).read() == Memory(5000 * KIB, 8000 * KIB)


@pytest.mark.parametrize(
    "files",
    [
        {
            "memory__max": 4000 * KIB,
            "memory__current": 3000 * KIB,
            "memory__stat": f"anon 1\ninactive_file {500 * KIB}",
        },
        {
            "memory__limit_in_bytes": 4000 * KIB,
            "memory__usage_in_bytes": 3000 * KIB,
            "memory__stat": f"inactive_file 1\ntotal_inactive_file {500 * KIB}",
        },
    ],
    ids=["v2", "v1"],
)
def test_a_group_with_a_limit_bounds_it_and_pages_of_files_count_as_free(
    tmp_path: Path, machine: Path, files: dict[str, int | str]
) -> None:
    assert MemoryView((group(tmp_path / "g", **files),), machine).read() == Memory(1500 * KIB, 4000 * KIB)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"memory__max": "max", "memory__current": 1, "memory__stat": "inactive_file 0"},
        {"memory__limit_in_bytes": V1_UNLIMITED, "memory__usage_in_bytes": 1, "memory__stat": "total_inactive_file 0"},
    ],
    ids=["gone", "v2", "v1"],
)
def test_a_group_without_a_limit_changes_nothing(tmp_path: Path, machine: Path, files: dict[str, int | str]) -> None:
    assert MemoryView((group(tmp_path / "g", **files),), machine).read() == Memory(5000 * KIB, 8000 * KIB)


def test_more_than_its_limit_in_use_is_nothing_left(tmp_path: Path, machine: Path) -> None:
    over = group(tmp_path / "g", memory__max=KIB, memory__current=2 * KIB, memory__stat="inactive_file 0")
    assert MemoryView((over,), machine).read() == Memory(0, KIB)


def test_this_machine_has_some() -> None:
    here = memory.find([]).read()
    assert 0 < here.available < here.total
