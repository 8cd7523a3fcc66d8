"""What happened to a roll-out so far, as records that are only ever added.

Before each call that changes something an `Intended` is on the disk, and after it a `Did` or a `Refused`. Whoever finds
an intention without an end looks at what is there: nothing is believed that was not seen. Each record carries the time
in milliseconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from lamina.rollouts import documents
from lamina.rollouts.consumers import Routing


class Way(StrEnum):
    """Where a roll-out is going: to its plan's end, or back to where it began."""

    FORWARD = "forward"
    BACK = "back"


class Moment(StrEnum):
    """Whether a sample was taken before a target got its new layers, or after."""

    BEFORE = "before"
    AFTER = "after"


class Refusal(StrEnum):
    """Why a call had no effect: somebody changed the thing; it is gone; it is in use; the API will not have it."""

    CHANGED = "changed"
    GONE = "gone"
    IN_USE = "in use"
    INVALID = "invalid"


class Trouble(StrEnum):
    """Why a target goes no further: the layer broke it; somebody else changed it; it is gone."""

    FAILED = "failed"
    CHANGED = "changed"
    GONE = "gone"


class Outcome(StrEnum):
    """How a roll-out ended. A stopped one can be resumed, and each can be rolled back."""

    DONE = "done"
    STOPPED = "stopped"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class SetLayers:
    """UpdateFunctionConfiguration with these layers and nothing else, guarded by the RevisionId."""

    layers: tuple[str, ...]
    revision_id: str
    kind: Literal["set-layers"] = "set-layers"


@dataclass(frozen=True, slots=True)
class PublishVersion:
    """PublishVersion, guarded by RevisionId and CodeSha256. The description says whose version it is."""

    revision_id: str
    code_sha256: str
    description: str
    kind: Literal["publish-version"] = "publish-version"


@dataclass(frozen=True, slots=True)
class RouteAlias:
    """UpdateAlias to this routing, weights spelled out also when there are none, guarded by the alias's RevisionId."""

    alias: str
    routing: Routing
    revision_id: str
    kind: Literal["route-alias"] = "route-alias"


@dataclass(frozen=True, slots=True)
class DeleteVersion:
    """DeleteFunction with the version as its qualifier. There is no guard: numbers are never given twice."""

    version: str
    kind: Literal["delete-version"] = "delete-version"


Act = SetLayers | PublishVersion | RouteAlias | DeleteVersion


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a function by invoking it, or by the command. `error` is None when all was well.

    `ms` is how long the invocation took, None for a command.
    """

    error: str | None
    ms: float | None


@dataclass(frozen=True, slots=True)
class Began:
    """Somebody asked for it: `apply` first of all, `resume` and `rollback` any number of times."""

    at_ms: int
    command: str
    way: Way
    kind: Literal["began"] = "began"


@dataclass(frozen=True, slots=True)
class Intended:
    """The act is about to be tried."""

    at_ms: int
    function: str
    act: Act
    kind: Literal["intended"] = "intended"


@dataclass(frozen=True, slots=True)
class Did:
    """The intended act had its effect. `version` is what PublishVersion made or found, `ours` whether it made it."""

    at_ms: int
    function: str
    version: str | None = None
    ours: bool = False
    kind: Literal["did"] = "did"


@dataclass(frozen=True, slots=True)
class Refused:
    """The intended act had no effect, and why, in the API's words."""

    at_ms: int
    function: str
    refusal: Refusal
    why: str
    kind: Literal["refused"] = "refused"


@dataclass(frozen=True, slots=True)
class Sampled:
    """A sample was taken."""

    at_ms: int
    function: str
    moment: Moment
    sample: Sample
    kind: Literal["sampled"] = "sampled"


@dataclass(frozen=True, slots=True)
class Passed:
    """The target runs with its new layers as well as it did before. `note` says what is remarkable all the same."""

    at_ms: int
    function: str
    note: str = ""
    kind: Literal["passed"] = "passed"


@dataclass(frozen=True, slots=True)
class Troubled:
    """The target goes no further, and why."""

    at_ms: int
    function: str
    trouble: Trouble
    why: str
    kind: Literal["troubled"] = "troubled"


@dataclass(frozen=True, slots=True)
class Noted:
    """Something to tell of the target that changes nothing: a foreign change that survives, say."""

    at_ms: int
    function: str
    note: str
    kind: Literal["noted"] = "noted"


@dataclass(frozen=True, slots=True)
class PutBack:
    """The target is as it was before, but for what is `left`: foreign changes, versions that somebody uses."""

    at_ms: int
    function: str
    left: tuple[str, ...]
    kind: Literal["put-back"] = "put-back"


@dataclass(frozen=True, slots=True)
class Baking:
    """A step of a wave (an index into the shares; 0 without an alias) is left to run from now on."""

    at_ms: int
    wave: int
    step: int
    kind: Literal["baking"] = "baking"


@dataclass(frozen=True, slots=True)
class Baked:
    """The time is over; whoever did badly has its Troubled before this."""

    at_ms: int
    wave: int
    step: int
    kind: Literal["baked"] = "baked"


@dataclass(frozen=True, slots=True)
class Turned:
    """Too many failed: the targets of `wave` go back; of every wave when it is None."""

    at_ms: int
    wave: int | None
    why: str
    kind: Literal["turned"] = "turned"


@dataclass(frozen=True, slots=True)
class Ended:
    """There is nothing left to do."""

    at_ms: int
    outcome: Outcome
    why: str
    kind: Literal["ended"] = "ended"


Record = (
    Began | Intended | Did | Refused | Sampled | Passed | Troubled | Noted | PutBack | Baking | Baked | Turned | Ended
)


@dataclass(frozen=True, slots=True)
class _Line:
    record: Record


def write_record(record: Record) -> dict[str, Any]:
    """*record* as one line of a journal of format 1 (docs/formats/rollouts.md)."""
    document: dict[str, Any] = documents.write(record)
    return document


def read_record(document: Any) -> Record:
    """The record in *document*, from `json.loads`. Raises DocumentError."""
    return documents.read(_Line, {"record": document}).record
