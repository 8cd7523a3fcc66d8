"""What a roll-out's journal comes to, and which command goes on with it."""

from __future__ import annotations

import pytest

from lamina.rollouts.consumers import Alias, Place, Routing
from lamina.rollouts.journal import (
    Began,
    Did,
    Ended,
    Intended,
    Outcome,
    Passed,
    PublishVersion,
    PutBack,
    Record,
    RouteAlias,
    SetLayers,
    Trouble,
    Troubled,
    Turned,
    Way,
)
from lamina.rollouts.plans import Move, OnFailure, Options, Plan, Target, Verification
from lamina.rollouts.progress import Progress
from lamina.workshop.errors import WorkshopError
from lamina.workshop.rollouts.reporting import State, report, way_on

LAYER = "arn:aws:lambda:eu-west-1:000000000000:layer:base"
OPTIONS = Options(False, None, (), 0, Verification({}), 0, OnFailure.STOP, 4)
CANARY = Options(True, "live", (0.1, 1.0), 0, Verification({}), 0, OnFailure.ALL, 4)


def target(name: str, alias: Alias | None = None) -> Target:
    function = f"arn:aws:lambda:eu-west-1:000000000000:function:{name}"
    before, after = (f"{LAYER}:1",), (f"{LAYER}:2",)
    return Target(Place("", "eu-west-1"), function, None, (), "", "c", "r", {}, before, after, alias)


A, B = target("a"), target("b")
LED = target("led", Alias("live", Routing("1", {}), "r"))
BEGAN = Began(1, "apply", Way.FORWARD)
MOVED: tuple[Record, ...] = (
    Intended(2, A.function, SetLayers(A.layers_after, "r")),
    Did(3, A.function),
    Passed(4, A.function),
)


def progress(*records: Record, options: Options = OPTIONS, targets: tuple[Target, ...] = (A, B)) -> Progress:
    return Progress.of(
        Plan("p1", 0, "", (Move(LAYER, (1,), 2),), options, targets, ((0,), (1,))[: len(targets)]), records
    )


def test_each_target_is_somewhere() -> None:
    came = report(progress(BEGAN, *MOVED, Troubled(5, B.function, Trouble.CHANGED, "somebody else moved it")))
    assert [(one.name, one.state, one.wave) for one in came.targets] == [("a", State.DONE, 0), ("b", State.CHANGED, 1)]
    assert came.targets[1].remarks == ["somebody else moved it"]
    assert came.counts == {State.DONE: 1, State.CHANGED: 1}


def test_it_is_whole_only_once_every_target_is_where_it_should_be() -> None:
    ended = Ended(9, Outcome.DONE, "")
    gone = Troubled(5, B.function, Trouble.GONE, "gone")
    assert not report(progress(BEGAN, *MOVED)).is_whole(Way.FORWARD)
    assert not report(progress(BEGAN, *MOVED, gone, ended)).is_whole(Way.FORWARD)
    assert report(progress(BEGAN, *MOVED, ended, targets=(A,))).is_whole(Way.FORWARD)
    back = Turned(6, None, "asked for"), PutBack(7, A.function, ()), Ended(8, Outcome.ROLLED_BACK, "asked for")
    whole = report(progress(BEGAN, *MOVED, gone, *back))
    # Who asked for the way back has it; who did not has something to look at.
    assert (whole.is_whole(Way.BACK), whole.is_whole(Way.FORWARD)) == (True, False)
    left = Turned(6, None, "asked for"), PutBack(7, A.function, ("its layers",)), Ended(8, Outcome.ROLLED_BACK, "")
    partly = report(progress(BEGAN, *MOVED, *left))
    assert not partly.is_whole(Way.BACK)
    assert partly.counts == {State.NOT_BEGUN: 1, State.PARTLY_PUT_BACK: 1}
    assert whole.targets[0].state is State.PUT_BACK


def test_with_an_alias_a_target_is_done_once_all_callers_get_the_new_version() -> None:
    published = (
        Intended(2, LED.function, SetLayers(LED.layers_after, "r")),
        Did(3, LED.function),
        Passed(4, LED.function),
        Intended(5, LED.function, PublishVersion("r", "c", "")),
        Did(6, LED.function, "2", ours=True),
    )
    shifts = [
        (Intended(7, LED.function, RouteAlias("live", routing, "r")), Did(8, LED.function))
        for routing in (Routing("1", {"2": 0.1}), Routing("2", {}))
    ]
    states = [
        report(progress(BEGAN, *records, options=CANARY, targets=(LED,))).targets[0].state
        for records in (published, (*published, *shifts[0]), (*published, *shifts[0], *shifts[1]))
    ]
    assert states == [State.UNDER_WAY, State.UNDER_WAY, State.DONE]


STOPPED = Ended(9, Outcome.STOPPED, "b failed")
DONE = Ended(9, Outcome.DONE, "")
BACK = Ended(9, Outcome.ROLLED_BACK, "asked for")
TURNED = Turned(5, None, "b failed")


@pytest.mark.parametrize(
    ("command", "records", "way"),
    [
        ("apply", (), Way.FORWARD),
        ("apply", (BEGAN,), Way.FORWARD),
        ("apply", (BEGAN, DONE), None),
        ("resume", (BEGAN,), Way.FORWARD),
        ("resume", (BEGAN, TURNED), Way.BACK),
        ("resume", (BEGAN, STOPPED), Way.FORWARD),
        ("resume", (BEGAN, DONE), None),
        ("rollback", (BEGAN,), Way.BACK),
        ("rollback", (BEGAN, DONE), Way.BACK),
        ("rollback", (BEGAN, STOPPED), Way.BACK),
        ("rollback", (BEGAN, BACK), None),
    ],
)
def test_a_command_goes_on_in_the_way_that_it_means(command: str, records: tuple[Record, ...], way: Way | None) -> None:
    assert way_on(command, progress(*records)) is way


@pytest.mark.parametrize(
    ("command", "records", "says", "hint"),
    [
        ("resume", (), "has not begun", "apply p1"),
        ("rollback", (), "has not begun", "apply p1"),
        ("apply", (BEGAN, STOPPED), "was stopped by failures", "resume p1"),
        ("apply", (BEGAN, BACK), "was rolled back", "Plan again"),
        ("resume", (BEGAN, BACK), "was rolled back", "Plan again"),
    ],
)
def test_another_command_is_named_where_one_does_not_fit(
    command: str, records: tuple[Record, ...], says: str, hint: str
) -> None:
    with pytest.raises(WorkshopError, match=says) as error:
        way_on(command, progress(*records))
    assert hint in (error.value.hint or "")
