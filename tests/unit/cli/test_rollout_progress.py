"""What is told of a roll-out that is carried out."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from lamina.cli.rollout_progress import RolloutProgress
from lamina.rollouts.consumers import Place
from lamina.rollouts.journal import Began, Passed, PutBack, Trouble, Troubled, Turned, Way
from lamina.rollouts.plans import Move, OnFailure, Options, Plan, Target, Verification
from lamina.rollouts.progress import Progress
from lamina.rollouts.steps import Apply, Bake, Restore, Shift, Work

LAYER = "arn:aws:lambda:eu-west-1:000000000000:layer:base"
ARNS = [f"arn:aws:lambda:eu-west-1:000000000000:function:f{number}" for number in range(3)]
TARGETS = tuple(
    Target(Place("", "eu-west-1"), arn, None, (), "", "c", "r", {}, (f"{LAYER}:1",), (f"{LAYER}:2",)) for arn in ARNS
)
OPTIONS = Options(False, None, (), 60, Verification({}), 0, OnFailure.ALL, 4)
PLAN = Plan("p1", 0, "", (Move(LAYER, (1,), 2),), OPTIONS, TARGETS, ((0,), (1, 2)))
BEGAN = Began(1, "apply", Way.FORWARD)


def told(plan: Plan = PLAN, *, terminal: bool = False, quiet: bool = False) -> tuple[RolloutProgress, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100, highlight=False, color_system=None)
    return RolloutProgress(console, quiet=quiet), file


def test_elsewhere_than_on_a_terminal_each_stage_and_each_trouble_is_a_line() -> None:
    progress, file = told()
    now = Progress.of(PLAN, (BEGAN,))
    with progress.shown():
        progress.stage(Work(0, Apply(), tuple(ARNS[:1])), now)
        progress.stage(Work(0, Apply(), tuple(ARNS[:1])), now)
        progress.record(Passed(2, ARNS[0]), now)
        progress.stage(Bake(0, 0, 0, 60_000, tuple(ARNS[:1])), now)
        progress.stage(Work(1, Apply(), tuple(ARNS[1:])), now)
        progress.record(Troubled(3, ARNS[1], Trouble.FAILED, "it [breaks]"), now)
        turned = Turned(4, None, "f1 failed")
        progress.record(turned, now)
        progress.stage(Work(0, Restore(), tuple(ARNS[:2])), now.after(turned))
        progress.record(PutBack(5, ARNS[0], ()), now)
        progress.record(PutBack(5, ARNS[1], ("its layers, which somebody else changed",)), now)
    assert file.getvalue().splitlines() == [
        "wave 1 of 2: new layers for 1 function …",
        "wave 1 of 2: watching 1 function for 60 s …",
        "wave 2 of 2: new layers for 2 functions …",
        "failed f1: it [breaks]",
        "back everything goes back: f1 failed",
        "putting back 2 functions …",
        "not put back f1: its layers, which somebody else changed",
    ]


def test_waves_that_are_alike_are_told_each() -> None:
    alike = replace(PLAN, waves=((0,), (1,), (2,)))
    progress, file = told(alike)
    for wave, arn in enumerate(ARNS):
        progress.stage(Work(wave, Apply(), (arn,)), Progress.of(alike, (BEGAN,)))
    lines = file.getvalue().splitlines()
    assert lines == [f"wave {number} of 3: new layers for 1 function …" for number in (1, 2, 3)]


def test_an_alias_that_moves_is_named_with_its_share() -> None:
    canary = replace(PLAN, options=replace(OPTIONS, alias="live", shares=(0.1, 1.0)))
    progress, file = told(canary)
    progress.stage(Work(0, Shift(0), tuple(ARNS[:1])), Progress.of(canary, (BEGAN,)))
    assert file.getvalue() == "wave 1 of 2: live sends 10% to the new version …\n"


def test_who_wants_quiet_gets_it() -> None:
    progress, file = told(quiet=True)
    with progress.shown():
        progress.stage(Work(0, Apply(), tuple(ARNS)), Progress.of(PLAN, (BEGAN,)))
        progress.record(Troubled(3, ARNS[1], Trouble.GONE, "gone"), Progress.of(PLAN, (BEGAN,)))
    assert file.getvalue() == ""


@pytest.mark.parametrize(("records", "bars"), [((BEGAN,), (0, 0)), ((BEGAN, Passed(2, ARNS[0])), (1, 0))])
def test_on_a_terminal_every_wave_has_a_bar(records: tuple[Began | Passed, ...], bars: tuple[int, int]) -> None:
    progress, file = told(terminal=True)
    with progress.shown():
        progress.stage(Work(1, Apply(), tuple(ARNS[1:])), Progress.of(PLAN, records))
        assert progress._bars is not None
        assert tuple(task.completed for task in progress._bars.tasks) == bars
        assert tuple(task.total for task in progress._bars.tasks) == (1, 2)
    assert "new layers for 2 functions" in file.getvalue()
