"""A plan: which functions go from which layers to which, in which waves, and what tells success from failure.

Everything that a roll-out does follows from its plan and its journal (`journal`); the plan never changes once it is
stored. The text, the JSON, the dry run and the execution read this one value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from lamina.rollouts import documents
from lamina.rollouts.consumers import Alias, OfFunction, Place
from lamina.rollouts.documents import DocumentError

FORMAT: Final = 1


class OnFailure(StrEnum):
    """What happens when more targets fail than may: nothing more; this wave goes back; everything goes back."""

    STOP = "stop"
    WAVE = "wave"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Move:
    """One layer (an ARN without a version), the versions that are left, sorted, and the one that is gone to."""

    layer: str
    before: tuple[int, ...]
    after: int


@dataclass(frozen=True, slots=True)
class Verification:
    """How a target is looked at once it has its new layers; with neither events nor a command it is not invoked.

    `events` are JSON texts by the name that targets give. Each function is invoked with its own before it is changed
    and after: it fails when it now fails and did not before, when `expected` (JSON text) is not in the answer, or when
    it takes more than `slower_max` times as long. `command` is run by a shell after the change and fails by its exit
    code. `error_rate_max` (0 to 1) is how much the share of failed invocations may grow while a step bakes.
    """

    events: Mapping[str, str]
    command: str | None = None
    expected: str | None = None
    slower_max: float | None = None
    error_rate_max: float | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How the plan is carried out. `alias` is moved to a version published for it (then `publish` is true, too).

    `shares` are the steps in which the alias moves, rising, the last one 1.0; () without an alias. Between steps, or
    after the only one, `bake_s` seconds pass while errors are watched. The roll-out fails once more than
    `failures_max` targets failed; up to then a failed target goes back alone.
    """

    publish: bool
    alias: str | None
    shares: tuple[float, ...]
    bake_s: int
    verification: Verification
    failures_max: int
    on_failure: OnFailure
    concurrency: int


@dataclass(frozen=True, slots=True)
class Target(OfFunction):
    """A function that the plan changes, as it was when planned: what is put back is exactly this.

    `layers_before` and `layers_after` differ in nothing but the versions that the plan moves; they are equal where
    $LATEST is there already and only the alias is to follow. `members` are hashes of the rest of the configuration.
    `alias` is the one to move, as it was. `event` names one of the verification's. `combination` is an index into the
    plan's.
    """

    place: Place
    function: str
    runtime: str | None
    architectures: tuple[str, ...]
    description: str
    code_sha256: str
    revision_id: str
    members: Mapping[str, str]
    layers_before: tuple[str, ...]
    layers_after: tuple[str, ...]
    alias: Alias | None = None
    event: str | None = None
    combination: int | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A consumer that the plan does not change, and why not, in a sentence without its name."""

    function: str
    why: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A finding of `lamina check` that the new layers bring: it was not there with the old ones."""

    id: str
    severity: str
    name: str
    where: str | None
    says: str
    mend: str


@dataclass(frozen=True, slots=True)
class Combination:
    """Targets that are alike to a check: same layers after, runtime and architecture. `functions` counts them.

    `unchecked` is why nobody looked; None when `findings` are all there are.
    """

    layers: tuple[str, ...]
    runtime: str | None
    architectures: tuple[str, ...]
    functions: int
    findings: tuple[Warned, ...]
    unchecked: str | None = None


@dataclass(frozen=True, slots=True)
class PackageMove:
    """A package with other versions than before; none on one side when it is new or gone."""

    ecosystem: str
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LayerChange:
    """What moving from one version to another means: `files_changed` counts those that no package explains.

    `unread` is why nobody knows, such as that the old version was deleted; None when somebody looked.
    """

    before: str
    after: str
    packages: tuple[PackageMove, ...]
    files_changed: int
    bytes_before: int
    bytes_after: int
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole roll-out. `endpoint` is what `--endpoint` said: "" for what each place's profile is for.

    `waves` are lists of indexes into `targets`, in the order in which they go; every target is in one of them.
    """

    id: str
    created_ms: int
    endpoint: str
    moves: tuple[Move, ...]
    options: Options
    targets: tuple[Target, ...]
    waves: tuple[tuple[int, ...], ...]
    left_out: tuple[LeftOut, ...] = ()
    changes: tuple[LayerChange, ...] = ()
    combinations: tuple[Combination, ...] = ()

    def wave(self, number: int) -> tuple[Target, ...]:
        """The targets of the wave *number*, from 0 on."""
        return tuple(self.targets[index] for index in self.waves[number])


def write_plan(plan: Plan) -> dict[str, Any]:
    """*plan* as its document of format 1 (docs/formats/rollouts.md)."""
    return {"format": FORMAT, **documents.write(plan)}


def read_plan(document: Any) -> Plan:
    """The plan in *document*, from `json.loads`. Raises DocumentError, also for a format of another time."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DocumentError(f"not a plan of format {FORMAT}")
    return documents.read(Plan, {name: value for name, value in document.items() if name != "format"})
