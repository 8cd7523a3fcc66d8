"""What is to be done next, as values: for one target a step, for the whole roll-out a stage.

    progress = Progress.of(plan, journal)
    while not isinstance(stage := next_stage(progress), Over):
        Work    each target on its own: carry out next_step(...) until there is none
        Bake    wait until its time is over, then judge
        Write   append the records

Whoever carries them out appends the records that come of it, and asks again.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.rollouts.consumers import Alias, Consumer
from lamina.rollouts.journal import Act, Moment, Outcome, Record


@dataclass(frozen=True, slots=True)
class Seen:
    """What the endpoint said of a target the last time, whether asked or in answer to a change.

    `latest` is None when there is no such function, `alias` when there is none or the plan has none. `versions` are
    the published ones, None when they were not asked for.
    """

    latest: Consumer | None
    alias: Alias | None
    versions: tuple[Consumer, ...] | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """Ask the endpoint for the function, its alias if the plan moves one, and its versions if wanted: a new Seen."""

    versions: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Look on until the function's last change took effect or failed: a new Seen that is not settling."""


@dataclass(frozen=True, slots=True)
class Do:
    """Append Intended, make the call, append Did or Refused; what the answer shows goes into Seen.

    A call of which nobody can say whether it had an effect appends nothing and forgets Seen.
    """

    act: Act


@dataclass(frozen=True, slots=True)
class Try:
    """Invoke $LATEST with the target's event, or run the command (after only), and append Sampled.

    An error forgets Seen, too: before the layer is blamed it is looked whether somebody else changed the function. One
    that is gone appends nothing and forgets Seen.
    """

    moment: Moment


@dataclass(frozen=True, slots=True)
class Write:
    """Append these records; nothing else is to be done."""

    records: tuple[Record, ...]


Step = Look | Wait | Do | Try | Write


@dataclass(frozen=True, slots=True)
class Apply:
    """The goal: $LATEST has its new layers, they took effect and passed, and a version of it is published if wanted."""


@dataclass(frozen=True, slots=True)
class Shift:
    """The goal: the alias sends the share of this step (an index into the shares) to the new version."""

    step: int


@dataclass(frozen=True, slots=True)
class Restore:
    """The goal: all is as it was before, as far as nobody else touched it."""


Goal = Apply | Shift | Restore


@dataclass(frozen=True, slots=True)
class Work:
    """Bring each of these functions to the goal, several at a time. They know nothing of each other.

    Once the stage has become another one (ask after each target) no further target is begun.
    """

    wave: int
    goal: Goal
    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bake:
    """Let the step run until that time, then append what `judged` makes of the functions' error rates.

    `since_ms` is when it began; as long a time before is what to compare with.
    """

    wave: int
    step: int
    since_ms: int
    until_ms: int
    functions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Over:
    """There is nothing left to do."""

    outcome: Outcome
    why: str


Stage = Work | Bake | Write | Over
