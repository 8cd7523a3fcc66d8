"""Any interleaving of steps, kills, lost answers and other people ends in the plan's end state or the start state."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamina.rollouts.consumers import Routing
from lamina.rollouts.journal import Outcome, Trouble, Way
from lamina.rollouts.plans import OnFailure
from tests.unit.rollouts.world import AFTER, BEFORE, Killed, Runner, World, options

# A campaign asks for many thousands.
EXAMPLES = int(os.environ.get("LAMINA_INTERLEAVINGS", "40"))
# A slow machine is no reason to fail.
WALK = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
COUNT = 4
WAVES = ((0,), (1, 2, 3))
NUMBERS = st.frozensets(st.integers(0, COUNT - 1))
OPTIONS = st.builds(
    options,
    alias=st.booleans(),
    shares=st.sampled_from([(1.0,), (0.1, 1.0), (0.1, 0.5, 1.0)]),
    bake_s=st.sampled_from([0, 5]),
)


class Meddler:
    """Kills the runner, or lets somebody else change something, wherever the data says so."""

    def __init__(self, data: st.DataObject, world: World, *, kills: int = 0, edits: int = 0) -> None:
        self._data, self._world = data, world
        self._kills, self._edits = kills, edits
        self.edited: dict[str, Any] = {}

    def __call__(self, where: str) -> None:
        if len(self._world.on_the_way) > 0 and self._data.draw(st.integers(0, 1), "does a late call arrive?"):
            self._world.arrive()
        if self._edits and self._data.draw(st.integers(0, 7), "edit?") == 0:
            self._edits -= 1
            self._edit()
        if self._kills and self._data.draw(st.integers(0, 5), f"kill at {where}?") == 0:
            self._kills -= 1
            raise Killed

    def _edit(self) -> None:
        if not (left := [arn for arn in self._world.functions if arn not in self.edited]):
            return
        arn = self._data.draw(st.sampled_from(left), "who")
        kind = self._data.draw(st.sampled_from(["layers", "timeout", "code", "alias", "gone"]), "what")
        function = self._world.functions[arn]
        match kind:
            case "layers":
                function.layers = (*function.layers, "arn:aws:lambda:eu-west-1:000000000000:layer:theirs:1")
                self.edited[arn] = (kind, function.layers)
            case "timeout":
                function.members["Timeout"] = "9"
                self.edited[arn] = (kind, "9")
            case "code":
                function.members["CodeSha256"] = "d"
                self.edited[arn] = (kind, "d")
            case "alias":
                function.published += 1
                function.versions[str(function.published)] = (("theirs",), "{}", "theirs")
                function.alias = Routing(str(function.published), {})
                function.alias_revision += 1
                self.edited[arn] = (kind, function.alias)
            case "gone":
                del self._world.functions[arn]
                self.edited[arn] = (kind, None)
        function.revision += 1


def _run(runner: Runner, command: str = "apply", way: Way | None = None) -> Outcome:
    """What it came to, resumed after each kill; calls that are still on their way arrive after the end."""
    while True:
        with contextlib.suppress(Killed):
            outcome = runner.run(command, way).outcome
            break
        command, way = "resume", None
    while runner.world.on_the_way:
        runner.world.arrive()
    return outcome


def _runner(data: st.DataObject, world: World, chosen: Any, **meddling: int) -> tuple[Runner, Meddler]:
    meddler = Meddler(data, world, **meddling)
    pick = lambda n: data.draw(st.integers(0, n - 1), "next") if n > 1 else 0  # noqa: E731
    return Runner(world, world.plan(chosen, WAVES), pick, meddler), meddler


@given(st.data(), OPTIONS)
@WALK
def test_killed_at_any_point_it_ends_where_the_plan_says(data: st.DataObject, chosen: Any) -> None:
    world = World(COUNT)
    runner, _ = _runner(data, world, chosen, kills=6)
    assert _run(runner) is Outcome.DONE
    for function in world.functions.values():
        assert function.layers == AFTER
        if chosen.alias is not None:
            assert function.alias == Routing("2", {})
            assert function.versions["2"][0] == AFTER
        # Neither a version too many nor one too few, however often the publishing was interrupted.
        assert len(function.versions) == (2 if chosen.alias is not None else 1)


@given(st.data(), OPTIONS, NUMBERS.filter(bool))
@WALK
def test_a_layer_that_breaks_some_leaves_everything_as_it_was(
    data: st.DataObject, chosen: Any, broken: frozenset[int]
) -> None:
    world = World(COUNT, broken)
    was = {arn: function.state() for arn, function in world.functions.items()}
    runner, _ = _runner(data, world, chosen, kills=6)
    assert _run(runner) is Outcome.ROLLED_BACK
    assert {arn: function.state() for arn, function in world.functions.items()} == was


@given(st.data(), OPTIONS, st.integers(0, 40))
@WALK
def test_rolled_back_from_any_point_everything_is_as_it_was(data: st.DataObject, chosen: Any, after: int) -> None:
    world = World(COUNT)
    was = {arn: function.state() for arn, function in world.functions.items()}
    runner, _ = _runner(data, world, chosen)
    steps = 0

    def kill_once(where: str) -> None:
        nonlocal steps
        steps += 1
        if steps > after:
            raise Killed

    runner.meddle = kill_once
    with contextlib.suppress(Killed):
        runner.run("apply")
    runner.meddle = Meddler(data, world, kills=4)
    with contextlib.suppress(Killed):
        runner.run("rollback", Way.BACK)
    assert _run(runner, "resume") is Outcome.ROLLED_BACK
    assert {arn: function.state() for arn, function in world.functions.items()} == was


@given(st.data(), OPTIONS, st.booleans())
@WALK
def test_what_others_change_meanwhile_survives(data: st.DataObject, chosen: Any, back: bool) -> None:
    world = World(COUNT)
    runner, meddler = _runner(data, world, chosen, kills=3, edits=3)
    outcome = _run(runner)
    assert outcome is Outcome.DONE, "what others do is no failure of the layer"
    if back:
        assert _run(runner, "rollback", Way.BACK) is Outcome.ROLLED_BACK
    for target in runner.plan.targets:
        life = runner.progress.life(target.function)
        function = world.functions.get(target.function)
        kind, value = meddler.edited.get(target.function, ("", None))
        if kind == "gone" or function is None:
            assert function is None
            continue
        assert kind != "layers" or function.layers == value
        assert kind != "timeout" or function.members["Timeout"] == "9"
        assert kind != "code" or function.members["CodeSha256"] == "d"
        if kind == "alias" and chosen.alias is not None:
            assert function.alias == value
            # Whichever version it leads to is there.
            assert set(function.alias.versions) <= set(function.versions)
        if kind != "layers":
            assert function.layers == (BEFORE if back or life.trouble is not None else AFTER)
        for layers, members, description in function.versions.values():
            # Nobody's change is published by the roll-out.
            assert "roll-out" not in description or (
                layers == AFTER and '"Timeout": "3"' in members and '"c"' in members
            )
        if not kind and not back:
            assert life.trouble is None


@given(st.data(), NUMBERS, st.integers(0, 2), st.booleans())
@WALK
def test_as_many_as_may_fail_go_back_alone(
    data: st.DataObject, broken: frozenset[int], failures_max: int, alias: bool
) -> None:
    world = World(COUNT, broken)
    was = {arn: function.state() for arn, function in world.functions.items()}
    chosen = options(alias=alias, failures_max=failures_max)
    runner, _ = _runner(data, world, chosen, kills=3)
    outcome = _run(runner)
    if len(broken) > failures_max:
        assert outcome is Outcome.ROLLED_BACK
        assert {arn: function.state() for arn, function in world.functions.items()} == was
        return
    assert outcome is Outcome.DONE
    for arn, function in world.functions.items():
        if arn in world.broken:
            assert function.state() == was[arn]
            assert runner.progress.life(arn).trouble is Trouble.FAILED
        else:
            assert function.layers == AFTER


@given(st.data(), st.booleans())
@WALK
def test_a_wave_that_failed_goes_back_and_gets_another_try(data: st.DataObject, alias: bool) -> None:
    world = World(COUNT, frozenset({2}))
    was = {arn: function.state() for arn, function in world.functions.items()}
    runner, _ = _runner(data, world, options(alias=alias, on_failure=OnFailure.WAVE), kills=2)
    assert _run(runner) is Outcome.STOPPED
    first, *rest = world.functions.values()
    assert first.layers == AFTER
    assert [function.state() for function in rest] == [was[function.arn] for function in rest]
    world.broken.clear()
    assert _run(runner, "resume") is Outcome.DONE
    assert all(function.layers == AFTER for function in world.functions.values())


def test_a_stop_leaves_what_failed_to_be_looked_at() -> None:
    world = World(COUNT, frozenset({0}))
    runner = Runner(world, world.plan(options(on_failure=OnFailure.STOP), WAVES), lambda n: 0)
    assert runner.run("apply").outcome is Outcome.STOPPED
    first, *rest = world.functions.values()
    assert first.layers == AFTER
    assert all(function.layers == BEFORE for function in rest)
    assert runner.run("rollback", Way.BACK).outcome is Outcome.ROLLED_BACK
    assert first.layers == BEFORE


def test_after_a_stop_what_failed_is_tried_again() -> None:
    world = World(COUNT, frozenset({1}))
    chosen = options(alias=True, shares=(0.1, 1.0), bake_s=5, on_failure=OnFailure.STOP)
    runner = Runner(world, world.plan(chosen, WAVES), lambda n: 0)
    assert runner.run("apply").outcome is Outcome.STOPPED
    assert runner.run("resume").outcome is Outcome.STOPPED, "nothing was mended"
    world.broken.clear()
    assert runner.run("resume").outcome is Outcome.DONE
    assert {function.alias.version for function in world.functions.values()} == {"2"}


def test_a_roll_out_that_nobody_disturbs_makes_one_call_for_each_function() -> None:
    world = World(COUNT)
    runner = Runner(world, world.plan(options(), WAVES), lambda n: 0)
    assert runner.run("apply").outcome is Outcome.DONE
    assert runner.calls == COUNT


def test_what_failed_before_is_not_held_against_the_layer() -> None:
    world = World(COUNT)
    sick = next(iter(world.functions))
    world.sick.add(sick)
    runner = Runner(world, world.plan(options(), WAVES), lambda n: 0)
    assert runner.run("apply").outcome is Outcome.DONE
    assert runner.progress.life(sick).notes == ("it failed before, too: it broke",)


def test_a_version_that_somebody_elses_alias_needs_is_left_and_named() -> None:
    world = World(1)
    runner = Runner(world, world.plan(options(alias=True), ((0,),)), lambda n: 0)
    assert runner.run("apply").outcome is Outcome.DONE
    (function,) = world.functions.values()
    function.alias = Routing("1", {"2": 0.3})
    assert runner.run("rollback", Way.BACK).outcome is Outcome.ROLLED_BACK
    assert function.layers == BEFORE
    assert runner.progress.life(function.arn).left == (
        "the alias live, which somebody else moved",
        "version 2, to which an alias leads",
    )
    assert function.alias == Routing("1", {"2": 0.3})
    assert "2" in function.versions


@pytest.mark.parametrize("call", [1, 3])
@pytest.mark.parametrize("again", [False, True])
def test_a_call_that_arrives_after_the_way_back_finds_another_revision(call: int, again: bool) -> None:
    world = World(1)
    (function,) = world.functions.values()
    was = function.state()
    calls = 0
    kills = {call, call + 1} if again else {call}

    def kill(where: str) -> None:
        nonlocal calls
        calls += where == "call"
        if where == "call" and calls in kills:
            raise Killed

    runner = Runner(world, world.plan(options(alias=True), ((0,),)), lambda n: 0, kill)
    with pytest.raises(Killed):
        runner.run("apply")
    if again:
        with pytest.raises(Killed):
            runner.run("rollback", Way.BACK)
        # Nobody will ever answer this one.
        world.on_the_way.pop()
    assert runner.run("rollback", Way.BACK).outcome is Outcome.ROLLED_BACK
    world.arrive()
    assert function.state() == was
