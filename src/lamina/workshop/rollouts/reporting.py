"""What a roll-out has come to, for a person and for a program: from its plan and its journal alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lamina.rollouts.journal import Outcome, Trouble, Way
from lamina.rollouts.plans import Plan, Target
from lamina.rollouts.progress import Life, Progress
from lamina.workshop.errors import WorkshopError


class State(StrEnum):
    """Where a target is, in the words that are shown."""

    NOT_BEGUN = "not begun"
    UNDER_WAY = "under way"
    DONE = "done"
    FAILED = "failed"
    CHANGED = "changed by somebody else"
    GONE = "gone"
    PUT_BACK = "put back"
    PARTLY_PUT_BACK = "put back in part"


@dataclass(frozen=True, slots=True)
class TargetReport:
    """One target: where it is, why it goes no further, what else there is to tell, what of it could not be put back.

    `as_before` is true when nothing of what the roll-out did is left.
    """

    function: str
    name: str
    wave: int
    state: State
    why: str
    version: str | None
    notes: tuple[str, ...]
    left: tuple[str, ...]
    as_before: bool

    @property
    def remarks(self) -> list[str]:
        """What a person wants to hear of it."""
        return [*filter(None, (self.why,)), *self.notes, *(f"not put back: {what}" for what in self.left)]


@dataclass(frozen=True, slots=True)
class Report:
    """The whole. `outcome` is None until there is one; `why` is its reason, or why it is going back."""

    id: str
    outcome: Outcome | None
    way: Way
    why: str
    targets: tuple[TargetReport, ...]

    @property
    def counts(self) -> Mapping[State, int]:
        """How many targets are where, in the order of State."""
        found = Counter(target.state for target in self.targets)
        return {state: found[state] for state in State if found[state]}

    def is_whole(self, way: Way) -> bool:
        """Whether every target is where *way* was to bring it."""
        if way is Way.FORWARD:
            return self.outcome is Outcome.DONE and all(target.state is State.DONE for target in self.targets)
        return self.outcome is Outcome.ROLLED_BACK and all(target.as_before for target in self.targets)

    def summary(self) -> dict[str, Any]:
        """The whole as `--json` prints it, without its targets."""
        return {
            "id": self.id,
            "outcome": None if self.outcome is None else self.outcome.value,
            "way": self.way.value,
            "why": self.why,
            "counts": {state.value: count for state, count in self.counts.items()},
        }

    def document(self) -> dict[str, Any]:
        """All of it as `--json` prints it."""
        targets = [
            {
                "function": target.function,
                "wave": target.wave,
                "state": target.state.value,
                "why": target.why,
                "version": target.version,
                "notes": list(target.notes),
                "left": list(target.left),
            }
            for target in self.targets
        ]
        return {**self.summary(), "targets": targets}


def report(progress: Progress) -> Report:
    """What *progress* comes to."""
    plan, ended, turned = progress.plan, progress.ended, progress.turned
    why = ended.why if ended is not None else "" if turned is None else turned.why
    waves = {index: number for number, wave in enumerate(plan.waves) for index in wave}
    targets = tuple(
        _target(plan, target, progress.life(target.function), waves[index]) for index, target in enumerate(plan.targets)
    )
    return Report(plan.id, None if ended is None else ended.outcome, progress.way, why, targets)


def way_on(command: str, progress: Progress) -> Way | None:
    """The way that *command* ("apply", "resume" or "rollback") goes on; None where there is nothing left to do.

    Raises WorkshopError where the command is not what one wants, with the one that is.
    """
    id_, outcome = progress.plan.id, None if progress.ended is None else progress.ended.outcome
    if progress.began_ms is None:
        if command == "apply":
            return Way.FORWARD
        raise WorkshopError(f"{id_} has not begun", f"`lamina rollout apply {id_}` begins it.")
    if command == "rollback":
        return None if outcome is Outcome.ROLLED_BACK else Way.BACK
    if outcome is Outcome.DONE:
        return None
    if outcome is Outcome.ROLLED_BACK:
        raise WorkshopError(f"{id_} was rolled back", "Plan again: what is there may have changed.")
    if outcome is Outcome.STOPPED and command == "apply":
        hint = f"`lamina rollout resume {id_}` tries what failed once more, `lamina rollout rollback {id_}` goes back."
        raise WorkshopError(f"{id_} was stopped by failures", hint)
    return progress.way


def _target(plan: Plan, target: Target, life: Life, wave: int) -> TargetReport:
    version = None if life.deleted or not life.ours else life.version
    state = _state(plan, target, life)
    as_before = life.touched_ms is None or (life.put_back and not life.left)
    return TargetReport(target.function, target.name, wave, state, life.why, version, life.notes, life.left, as_before)


def _state(plan: Plan, target: Target, life: Life) -> State:
    if life.trouble is not None:
        return {Trouble.FAILED: State.FAILED, Trouble.CHANGED: State.CHANGED, Trouble.GONE: State.GONE}[life.trouble]
    if life.put_back:
        return State.PARTLY_PUT_BACK if life.left else State.PUT_BACK
    if life.touched_ms is None and not life.passed:
        return State.NOT_BEGUN
    shares = plan.options.shares
    followed = target.alias is not None and life.version == target.alias.routing.version
    through = life.passed and (life.version is not None or not plan.options.publish)
    return State.DONE if through and (followed or life.shift == len(shares) - 1) else State.UNDER_WAY
