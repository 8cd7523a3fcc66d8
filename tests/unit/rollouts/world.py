"""A Lambda API in memory, other people who change things in it, and a runner that is killed at any point."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from lamina.names import LATEST
from lamina.rollouts.consumers import Alias, Consumer, Place, Routing
from lamina.rollouts.deciding import first_seen, next_step
from lamina.rollouts.journal import (
    Act,
    Began,
    DeleteVersion,
    Did,
    Ended,
    Intended,
    Moment,
    PublishVersion,
    Record,
    Refusal,
    Refused,
    RouteAlias,
    Sample,
    Sampled,
    SetLayers,
    Way,
    read_record,
    write_record,
)
from lamina.rollouts.plans import Move, OnFailure, Options, Plan, Target, Verification
from lamina.rollouts.progress import Progress
from lamina.rollouts.stages import next_stage
from lamina.rollouts.steps import Bake, Do, Look, Over, Seen, Try, Wait, Work, Write
from lamina.rollouts.verdicts import judged

PLACE = Place("", "eu-west-1")
LAYER = "arn:aws:lambda:eu-west-1:000000000000:layer:base"
OTHER = "arn:aws:lambda:eu-west-1:000000000000:layer:other"
BEFORE = (f"{OTHER}:1", f"{LAYER}:1", f"{OTHER}2:10")
AFTER = (f"{OTHER}:1", f"{LAYER}:2", f"{OTHER}2:10")


class Killed(Exception):
    """The process that carries the roll-out out is no more."""


@dataclass
class Function:
    arn: str
    layers: tuple[str, ...] = BEFORE
    members: dict[str, str] = field(default_factory=lambda: {"CodeSha256": "c", "Timeout": "3"})
    revision: int = 1
    settling: int = 0
    versions: dict[str, tuple[tuple[str, ...], str, str]] = field(default_factory=dict)
    alias: Routing = field(default_factory=lambda: Routing("1", {}))
    alias_revision: int = 1
    published: int = 0

    def latest(self) -> Consumer:
        return Consumer(
            PLACE,
            self.arn,
            LATEST,
            self.layers,
            "python3.13",
            ("x86_64",),
            "",
            self.members["CodeSha256"],
            str(self.revision),
            dict(self.members),
            settling=self.settling > 0,
        )

    def state(self) -> object:
        """All that a roll-out could change."""
        return self.layers, dict(self.members), dict(self.versions), self.alias

    def publish(self, description: str) -> str:
        # Numbers are never given twice; the same again is not published twice.
        if (there := self.versions.get(str(self.published))) and there[:2] == (self.layers, json.dumps(self.members)):
            return str(self.published)
        self.published += 1
        number = str(self.published)
        self.versions[number] = (self.layers, json.dumps(self.members), description)
        return number


class World:
    """What the endpoint has. `broken` are functions that fail with the new layers, `sick` those that always do."""

    def __init__(self, count: int, broken: frozenset[int] = frozenset()) -> None:
        arns = [f"arn:aws:lambda:eu-west-1:000000000000:function:f{number}" for number in range(count)]
        self.functions = {arn: Function(arn) for arn in arns}
        self.broken = {arns[number] for number in broken}
        self.sick: set[str] = set()
        self.on_the_way: list[tuple[str, Act]] = []
        for function in self.functions.values():
            function.publish("by its owner")

    def plan(self, options: Options, waves: tuple[tuple[int, ...], ...]) -> Plan:
        targets = tuple(
            Target(
                PLACE,
                function.arn,
                "python3.13",
                ("x86_64",),
                "",
                function.members["CodeSha256"],
                str(function.revision),
                dict(function.members),
                BEFORE,
                AFTER,
                Alias("live", function.alias, str(function.alias_revision)) if options.alias else None,
                event="e",
            )
            for function in self.functions.values()
        )
        return Plan("r1", 0, "", (Move(LAYER, (1,), 2),), options, targets, waves)

    def see(self, arn: str, *, versions: bool) -> Seen:
        function = self.functions.get(arn)
        if function is None:
            return Seen(None, None)
        published = tuple(
            Consumer(PLACE, arn, number, layers, None, (), description, "", "", {})
            for number, (layers, _, description) in function.versions.items()
        )
        return Seen(
            function.latest(),
            Alias("live", function.alias, str(function.alias_revision)),
            published if versions else None,
        )

    def description(self, arn: str, version: str | None) -> str | None:
        function = self.functions.get(arn)
        return None if function is None or version is None else function.versions[version][2]

    def arrive(self) -> None:
        """Let the oldest call of those whose sender was killed have its effect, if there is one."""
        if self.on_the_way:
            self.act(*self.on_the_way.pop(0))

    def act(self, arn: str, act: Act) -> Refusal | str | None:
        """The effect of a call: why it had none, or the version that was published."""
        function = self.functions.get(arn)
        if function is None:
            return Refusal.GONE
        match act:
            case SetLayers():
                if act.revision_id != str(function.revision):
                    return Refusal.CHANGED
                function.layers = act.layers
                function.revision += 1
                function.settling = 1
            case PublishVersion():
                if act.revision_id != str(function.revision) or act.code_sha256 != function.members["CodeSha256"]:
                    return Refusal.CHANGED
                return function.publish(act.description)
            case RouteAlias():
                if act.revision_id != str(function.alias_revision):
                    return Refusal.CHANGED
                assert set(act.routing.versions) <= set(function.versions)
                function.alias = act.routing
                function.alias_revision += 1
            case DeleteVersion():
                if act.version in function.alias.versions:
                    return Refusal.IN_USE
                function.versions.pop(act.version, None)
        return None


def options(
    *,
    alias: bool = False,
    shares: tuple[float, ...] = (1.0,),
    bake_s: int = 0,
    failures_max: int = 0,
    on_failure: OnFailure = OnFailure.ALL,
) -> Options:
    verification = Verification({"e": "{}"})
    name = "live" if alias else None
    return Options(alias, name, shares if alias else (), bake_s, verification, failures_max, on_failure, 4)


class Runner:
    """Carries a plan out, one step at a time, in an order that *pick* chooses.

    *pick(n)* gives a number from 0 to n - 1. *meddle* is called before each step: it may change the world, or raise
    Killed.
    """

    def __init__(
        self, world: World, plan: Plan, pick: Callable[[int], int], meddle: Callable[[str], None] = lambda _: None
    ) -> None:
        self.world, self.plan, self.pick, self.meddle = world, plan, pick, meddle
        self.journal: list[str] = []
        self.now_ms = 0
        self.calls = 0
        self._seen: dict[str, Seen] = {}
        self.progress = Progress.of(plan, ())

    def run(self, command: str, way: Way | None = None) -> Ended:
        """Carry it out as a command does, from what the journal says, until it is over."""
        self.progress = Progress.of(self.plan, [read_record(json.loads(line)) for line in self.journal])
        fresh = not self.journal
        self._seen = {target.function: first_seen(target) for target in self.plan.targets} if fresh else {}
        self._append(Began(self.now_ms, command, way or self.progress.way))
        while True:
            self.now_ms += 1
            match next_stage(self.progress, self.now_ms):
                case Over():
                    assert self.progress.ended is not None
                    return self.progress.ended
                case Write(records=records):
                    self._append(*records)
                case Bake() as bake:
                    self.meddle("bake")
                    self.now_ms = max(self.now_ms, bake.until_ms)
                    self._append(*judged(self.plan.options.verification, bake, {}, self.now_ms))
                case Work() as work:
                    arn = work.functions[self.pick(len(work.functions))]
                    target = self.progress.targets[arn]
                    step = next_step(
                        self.plan, target, self.progress.life(arn), self._seen.get(arn), work.goal, self.now_ms
                    )
                    assert step is not None, "a target that is open has a step"
                    self._carry_out(arn, step)

    def _carry_out(self, arn: str, step: object) -> None:
        self.meddle("step")
        match step:
            case Look(versions=versions):
                self.calls += 1
                self._seen[arn] = self.world.see(arn, versions=versions)
            case Wait():
                if (function := self.world.functions.get(arn)) is not None:
                    function.settling = 0
                self._seen[arn] = self.world.see(arn, versions=False)
            case Write(records=records):
                self._append(*records)
            case Try(moment=moment):
                if (function := self.world.functions.get(arn)) is None:
                    del self._seen[arn]
                    return
                fails = arn in self.world.sick or (arn in self.world.broken and f"{LAYER}:2" in function.layers)
                assert moment is Moment.BEFORE or function.settling == 0
                self._append(Sampled(self.now_ms, arn, moment, Sample("it broke" if fails else None, 10.0)))
                if fails:
                    del self._seen[arn]
            case Do(act=act):
                self._do(arn, act)
            case _:
                raise AssertionError(step)

    def _do(self, arn: str, act: Act) -> None:
        self.calls += 1
        self._append(Intended(self.now_ms, arn, act))
        try:
            self.meddle("call")
        except Killed:
            if not isinstance(act, PublishVersion):
                self.world.on_the_way.append((arn, act))
            raise
        result = self.world.act(arn, act)
        self._seen.pop(arn)
        self.meddle("answer")
        if isinstance(result, Refusal):
            self._append(Refused(self.now_ms, arn, result, "no"))
        else:
            ours = isinstance(act, PublishVersion) and self.world.description(arn, result) == act.description
            self._append(Did(self.now_ms, arn, result, ours=ours))
            self._seen[arn] = self.world.see(arn, versions=False)

    def _append(self, *records: Record) -> None:
        for record in records:
            self.journal.append(json.dumps(write_record(record)))
            self.progress = self.progress.after(record)
