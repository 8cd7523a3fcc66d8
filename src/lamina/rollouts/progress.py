"""How far a roll-out is: what its journal comes to, function by function. Built anew from the journal after a crash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from lamina.rollouts.consumers import Routing
from lamina.rollouts.journal import (
    Act,
    Baked,
    Baking,
    Began,
    DeleteVersion,
    Did,
    Ended,
    Intended,
    Moment,
    Noted,
    Outcome,
    Passed,
    PublishVersion,
    PutBack,
    Record,
    Refusal,
    Refused,
    RouteAlias,
    Sample,
    Sampled,
    SetLayers,
    Trouble,
    Troubled,
    Turned,
    Way,
)
from lamina.rollouts.plans import Plan, Target


@dataclass(frozen=True, slots=True)
class Life:
    """One target so far. `pending` was intended, and nothing is known of its end; `touched_ms` is when
    anything was intended first.

    `version` is what was published for the alias, `ours` when the roll-out made it, `deleted` when it is gone again.
    `shift` is the last step of the alias, -1 before the first. `refused` are acts that the API will not have, and why.
    `trouble` with `why` ends the way forward, `put_back` the way back, but for what is `left`.
    """

    pending: Act | None = None
    touched_ms: int | None = None
    moved: bool = False
    before: Sample | None = None
    after: Sample | None = None
    passed: bool = False
    version: str | None = None
    ours: bool = False
    deleted: bool = False
    shift: int = -1
    refused: tuple[tuple[Act, str], ...] = ()
    trouble: Trouble | None = None
    why: str = ""
    notes: tuple[str, ...] = ()
    put_back: bool = False
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """A plan and what became of it. `turned` says which targets go back: of one wave, or of all when its wave is None.

    `baking` has the time at which each step, (wave, step), began to bake, `baked` those that are through.
    """

    plan: Plan
    lives: Mapping[str, Life] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)
    began_ms: int | None = None
    way: Way = Way.FORWARD
    baking: Mapping[tuple[int, int], int] = field(default_factory=dict)
    baked: frozenset[tuple[int, int]] = frozenset()
    turned: Turned | None = None
    ended: Ended | None = None

    @classmethod
    def of(cls, plan: Plan, journal: Iterable[Record]) -> Progress:
        """How far *plan* is by its *journal*, which may be empty."""
        progress = cls(plan, targets={target.function: target for target in plan.targets})
        for record in journal:
            progress = progress.after(record)
        return progress

    def life(self, function: str) -> Life:
        """Of the target *function*, an ARN without a qualifier."""
        return self.lives.get(function, _UNTOUCHED)

    def after(self, record: Record) -> Progress:
        """How far it is once *record* was added."""
        match record:
            case Began():
                return self._begun(record)
            case Baking():
                return replace(self, baking={**self.baking, (record.wave, record.step): record.at_ms})
            case Baked():
                return replace(self, baked=self.baked | {(record.wave, record.step)})
            case Turned():
                return replace(self, turned=record, way=Way.BACK if record.wave is None else self.way)
            case Ended():
                return replace(self, ended=record)
            case _:
                life = _lived(self.targets[record.function], self.life(record.function), record, self.plan)
                return replace(self, lives={**self.lives, record.function: life})

    def _begun(self, record: Began) -> Progress:
        began = replace(self, way=record.way, began_ms=self.began_ms or record.at_ms)
        if record.way is Way.BACK:
            turned = self.turned if self.turned is not None and self.turned.wave is None else None
            return replace(began, turned=turned or Turned(record.at_ms, None, "asked for"), ended=None)
        if self.ended is None or self.ended.outcome is not Outcome.STOPPED:
            return began
        # Who goes on after a stop has mended something: what failed, or was put back for it, gets another try.
        lives = {function: _retried(life) for function, life in self.lives.items()}
        again = {function for function, life in lives.items() if life is not self.lives[function]}
        open_waves = {
            number
            for number in range(len(self.plan.waves))
            if any(target.function in again for target in self.plan.wave(number))
        }
        return replace(
            began,
            lives=lives,
            turned=None,
            ended=None,
            baking={step: ms for step, ms in self.baking.items() if step[0] not in open_waves},
            baked=frozenset(step for step in self.baked if step[0] not in open_waves),
        )


_UNTOUCHED = Life()


def routing_at(target: Target, version: str, share: float) -> Routing:
    """Where the target's alias leads once it sends *share* of the invocations to *version*."""
    assert target.alias is not None
    if share >= 1:
        return Routing(version, {})
    return Routing(target.alias.routing.version, {version: share})


def _retried(life: Life) -> Life:
    if life.put_back and life.trouble in (None, Trouble.FAILED):
        return Life(notes=life.notes)
    if life.trouble is Trouble.FAILED:
        return replace(life, trouble=None, why="", after=None, passed=False, refused=())
    return life


def _lived(target: Target, life: Life, record: Record, plan: Plan) -> Life:
    match record:
        case Intended():
            first_ms = record.at_ms if life.touched_ms is None else life.touched_ms
            return replace(life, pending=record.act, touched_ms=first_ms)
        case Did():
            return replace(_done(target, life, record, plan), pending=None)
        case Refused():
            return _refused(life, record)
        case Sampled(moment=Moment.BEFORE):
            return replace(life, before=record.sample)
        case Sampled():
            return replace(life, after=record.sample)
        case Passed():
            return replace(life, passed=True, notes=(*life.notes, *filter(None, (record.note,))))
        case Troubled():
            return replace(life, trouble=record.trouble, why=record.why)
        case Noted():
            return replace(life, notes=(*life.notes, record.note))
        case PutBack():
            return replace(life, put_back=True, left=record.left, pending=None)
        case _:
            raise AssertionError(f"{record.kind} is of no target")


def _done(target: Target, life: Life, did: Did, plan: Plan) -> Life:
    match life.pending:
        case SetLayers(layers=layers):
            return replace(life, moved=layers == target.layers_after)
        case PublishVersion():
            return replace(life, version=did.version, ours=did.ours)
        case DeleteVersion():
            return replace(life, deleted=True)
        case RouteAlias(routing=routing):
            return replace(life, shift=_shift(target, life, routing, plan.options.shares))
        case None:
            raise AssertionError("the end of what nobody intended")


def _shift(target: Target, life: Life, routing: Routing, shares: tuple[float, ...]) -> int:
    steps = [] if life.version is None else [routing_at(target, life.version, share) for share in shares]
    return steps.index(routing) if routing in steps else -1


def _refused(life: Life, record: Refused) -> Life:
    if record.refusal is Refusal.CHANGED or life.pending is None:
        # What was refused may be our own call, sent again because its answer was lost: looking tells.
        return life
    return replace(life, pending=None, refused=(*life.refused, (life.pending, record.why)))
