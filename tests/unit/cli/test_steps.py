"""How steps are told."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lamina.cli.steps import Steps, duration, size


def _told_by(steps_console: Console) -> str:
    file = steps_console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_step_is_told_when_it_has_ended_with_its_result_and_size() -> None:
    console = Console(file=io.StringIO(), highlight=False, soft_wrap=True)
    with Steps(console).step("zip it") as done:
        assert _told_by(console) == ""
        done("13 files", 1_234_567)
    first, second = _told_by(console).splitlines()
    assert first.startswith("ok")
    assert first.endswith("ms  zip it")
    assert second.strip() == "13 files, 1.2 MB"


def test_a_step_that_raises_is_told_as_failed_and_the_exception_goes_on() -> None:
    console = Console(file=io.StringIO(), highlight=False, soft_wrap=True)
    with pytest.raises(RuntimeError), Steps(console).step("publish it"):
        raise RuntimeError
    assert _told_by(console).startswith("failed")


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0042, "4.2 ms"), (0.3141, "314 ms"), (1.309, "1.31 s"), (0.01, "10 ms")]
)
def test_durations_have_three_figures(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(("size_bytes", "expected"), [(812, "812 bytes"), (41_300, "41.3 kB"), (1_200_000, "1.2 MB")])
def test_sizes_are_in_the_unit_that_suits_them(size_bytes: int, expected: str) -> None:
    assert size(size_bytes) == expected
