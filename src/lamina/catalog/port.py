"""The catalog's port: what operations and the worker may ask of it, whatever database answers.

    with catalog.writing() as transaction:
        number = transaction.layers.next_number(layer)
        transaction.layers.add(version)

Everything inside one `with` is seen by others at once, when it ends, or not at all when it raises. `writing` admits
one transaction at a time, so what was read inside it still holds when it commits; `reading` sees one instant and
waits for nobody. A transaction is used by the thread that opened it, and briefly: no archive is read inside one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from lamina.functions.aliases import Alias
from lamina.functions.versions import FunctionVersion
from lamina.layers.policies import Policy
from lamina.layers.versions import LayerVersion
from lamina.names import Digest, FunctionArn, LayerArn, LayerVersionArn, Scope
from lamina.stacks.stack import ChangeSet, Stack


@dataclass(frozen=True, slots=True)
class CompatibleWith:
    """Which layer versions a list wants: those that declare the runtime and the architecture, where one is given."""

    runtime: str | None = None
    architecture: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An asynchronous invocation that was answered 202 and has yet to succeed or be given up.

    `id` is the invocation's request id. Times are seconds since the epoch. `function` names the function with the
    qualifier it was invoked by. `attempts` counts the runs made so far.
    """

    id: str
    function: FunctionArn
    payload: bytes
    received_at: float
    due_at: float
    attempts: int = 0
    trace_header: str | None = None
    client_context: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message about an event that is over, which the AWS service at *target* (an ARN) has yet to take.

    `request` is the call that hands it over: {"service", "operation", "parameters"}. Times are seconds since the epoch.
    """

    id: str
    target: str
    request: Mapping[str, Any]
    received_at: float
    due_at: float
    attempts: int = 0


class Layers(Protocol):
    """Layer versions. The counter of a layer outlives its versions, so that no number is ever used twice."""

    def next_number(self, layer: LayerArn) -> int:
        """The number for the version about to be added: 1, 2, …; consecutive among committed publishers."""

    def pass_number(self, layer: LayerArn, number: int) -> None:
        """See to it that the next number is higher than *number*, under which a version was published elsewhere."""

    def add(self, version: LayerVersion) -> None:
        """Record a version whose number `next_number` gave, or `pass_number` was told."""

    def get(self, arn: LayerVersionArn) -> LayerVersion | None: ...

    def versions(
        self, layer: LayerArn, wanted: CompatibleWith, *, below: int | None, limit: int
    ) -> Sequence[LayerVersion]:
        """Versions of *layer*, newest first, from the one before number *below* on."""

    def latest(self, scope: Scope, wanted: CompatibleWith, *, after: str | None, limit: int) -> Sequence[LayerVersion]:
        """The newest wanted version of each layer that has one, by layer name, from the one behind *after* on."""

    def delete(self, arn: LayerVersionArn) -> LayerVersion | None:
        """The version that was there and is no more; None if there was none."""


class Functions(Protocol):
    """Function versions, with the layers they use and the tags of the function."""

    def find(self, scope: Scope, name: str, qualifier: str | None = None) -> FunctionVersion | None:
        """The version that *qualifier* means: `$LATEST` when it is None, a number, or an alias, whose primary version
        it is then. Indexed look-ups.
        """

    def add(self, function: FunctionVersion, tags: Mapping[str, str]) -> None:
        """Record the first `$LATEST` of a function that does not exist."""

    def next_number(self, arn: FunctionArn) -> int:
        """The number for the version about to be published: 1, 2, …; never used again, even by a function made anew."""

    def publish(self, version: FunctionVersion) -> None:
        """Record a numbered version of a function that exists."""

    def published_last(self, arn: FunctionArn) -> FunctionVersion | None:
        """The numbered version with the highest number there is."""

    def replace(self, function: FunctionVersion) -> None:
        """Record the new state of a version that exists."""

    def delete(self, scope: Scope, name: str) -> Sequence[FunctionVersion]:
        """Every version of the function, now gone with its tags; empty if there was no such function."""

    def delete_version(self, scope: Scope, name: str, number: int) -> FunctionVersion | None:
        """The numbered version that was there and is no more."""

    def latest(self, scope: Scope, *, after: str | None, limit: int) -> Sequence[FunctionVersion]:
        """`$LATEST` of each function, by name, from the one behind *after* on."""

    def versions(self, arn: FunctionArn, *, after: int | None, limit: int) -> Sequence[FunctionVersion]:
        """Every version of one function, `$LATEST` (number 0) first, from the one behind number *after* on."""

    def all(self, scope: Scope, *, after: tuple[str, int] | None, limit: int) -> Sequence[FunctionVersion]:
        """Every version of each function, by name and number, `$LATEST` (number 0) first."""

    def unsettled(self) -> Sequence[FunctionVersion]:
        """Every version, of any account, whose activation has not finished."""

    def consumers(self, layer_version: LayerVersionArn) -> Sequence[FunctionArn]:
        """The function versions, qualified, whose configuration names *layer_version*. One indexed look-up."""

    def tags(self, scope: Scope, name: str) -> Mapping[str, str]: ...

    def set_tags(self, scope: Scope, name: str, tags: Mapping[str, str]) -> None:
        """Make *tags* all the tags of a function that exists."""


class Aliases(Protocol):
    """Aliases of functions; they go with their function."""

    def find(self, arn: FunctionArn) -> Alias | None:
        """The alias that *arn* is qualified with. One indexed look-up."""

    def add(self, alias: Alias) -> None:
        """Record an alias that does not exist, of a function that does."""

    def replace(self, alias: Alias) -> None:
        """Record the new state of an alias that exists."""

    def delete(self, arn: FunctionArn) -> Alias | None:
        """The alias that was there and is no more."""

    def of_function(
        self, function: FunctionArn, *, version: str | None = None, after: str | None = None, limit: int
    ) -> Sequence[Alias]:
        """Aliases of *function*, by name, from the one behind *after* on; only those whose primary version is *version*
        where it is given.
        """

    def leading_to(self, version: FunctionArn) -> Sequence[Alias]:
        """The aliases that send any invocations to *version*, by name."""


class Policies(Protocol):
    """Resource policies, of functions, their versions and aliases, and of layer versions; they go with what they are
    on. None stands for no policy.
    """

    def of_function(self, arn: FunctionArn) -> Policy | None:
        """The policy on exactly what *arn* says: an unqualified one has none of those of versions and aliases."""

    def set_function(self, arn: FunctionArn, policy: Policy | None) -> None: ...

    def of_layer(self, arn: LayerVersionArn) -> Policy | None: ...

    def set_layer(self, arn: LayerVersionArn, policy: Policy | None) -> None: ...


class ResourceTags(Protocol):
    """Tags of what is no function. *resource* is how its ARN ends: `event-source-mapping:<uuid>`."""

    def of(self, scope: Scope, resource: str) -> Mapping[str, str]: ...

    def set(self, scope: Scope, resource: str, tags: Mapping[str, str]) -> None:
        """Make *tags* all its tags; none when it goes."""


class Events(Protocol):
    """The durable queue of asynchronous invocations."""

    def add(self, event: Event) -> None: ...

    def are_at_least(self, count: int) -> bool:
        """Whether there are so many, due or not. Takes the longer the more there are, up to *count*."""

    def count(self) -> int:
        """How many there are, due or not. Takes the longer the more there are."""

    def due(self, now: float, limit: int) -> Sequence[Event]:
        """Up to *limit* events whose time has come, the longest due first. They stay until removed or rescheduled."""

    def next_due(self) -> float | None:
        """When the earliest event is due; None when there is none."""

    def reschedule(self, event_id: str, *, attempts: int, due_at: float) -> None:
        """Put the event off; nothing happens if it is gone."""

    def hurry(self, now: float) -> None:
        """Have what came after *now*, by a clock that has since gone back, be due now."""

    def remove(self, event_id: str) -> None:
        """The event is done with; nothing happens if it is gone."""


class Deliveries(Protocol):
    """The durable queue of messages for destinations and dead-letter queues in other AWS services."""

    def add(self, delivery: Delivery) -> None: ...

    def count(self) -> int:
        """How many there are, due or not. Takes the longer the more there are."""

    def due(self, now: float, limit: int) -> Sequence[Delivery]:
        """Up to *limit* whose time has come, the longest due first. They stay until removed or rescheduled."""

    def next_due(self) -> float | None:
        """When the earliest is due; None when there is none."""

    def reschedule(self, delivery_id: str, *, attempts: int, due_at: float) -> None:
        """Put it off; nothing happens if it is gone."""

    def hurry(self, now: float) -> None:
        """Have what came after *now*, by a clock that has since gone back, be due now."""

    def remove(self, delivery_id: str) -> None:
        """It is delivered or given up; nothing happens if it is gone."""


class Kind(StrEnum):
    """What a setting of a function is about."""

    CONCURRENCY = "concurrency"
    PROVISIONED = "provisioned-concurrency"
    EVENT_INVOKE = "event-invoke"
    URL = "url"
    CODE_SIGNING = "code-signing"
    RUNTIME_MANAGEMENT = "runtime-management"
    RECURSION = "recursion"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of *function*, which is qualified where it belongs to a version, an alias or `$LATEST`.

    What stands in `document` is the business of the operation whose kind it is. `target` is what it can be found by.
    """

    kind: Kind
    function: FunctionArn
    document: Mapping[str, Any]
    target: str | None = None


class Settings(Protocol):
    """What is set on functions beside their configuration. All of a function's go with it."""

    def get(self, kind: Kind, function: FunctionArn) -> Setting | None:
        """The setting of exactly *function*, its qualifier included."""

    def put(self, setting: Setting) -> None:
        """Record it in place of what there was. The function must exist."""

    def delete(self, kind: Kind, function: FunctionArn) -> Setting | None:
        """The setting that was there and is no more."""

    def forget(self, function: FunctionArn) -> None:
        """Remove every setting of exactly *function*: call when a version or an alias goes."""

    def of_function(
        self, kind: Kind, function: FunctionArn, *, after: str | None = None, limit: int | None = None
    ) -> Sequence[Setting]:
        """The settings of a function whatever their qualifier, by qualifier, from the one behind *after* on."""

    def of_scope(self, kind: Kind, scope: Scope) -> Sequence[Setting]:
        """All in one account and region."""

    def everywhere(self, kind: Kind) -> Sequence[Setting]:
        """All there are, of any account."""

    def naming(self, kind: Kind, target: str) -> Sequence[Setting]:
        """Those with this *target*, by function. One indexed look-up."""


@dataclass(frozen=True, slots=True)
class CodeSigning:
    """A code signing configuration; `id` is `csc-` and 17 characters."""

    scope: Scope
    id: str
    document: Mapping[str, Any]


class CodeSignings(Protocol):
    """Code signing configurations."""

    def get(self, scope: Scope, config_id: str) -> CodeSigning | None: ...

    def put(self, config: CodeSigning) -> None: ...

    def delete(self, scope: Scope, config_id: str) -> None: ...

    def all(self, scope: Scope, *, after: str | None, limit: int) -> Sequence[CodeSigning]:
        """By identifier, from the one behind *after* on."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """An event source mapping: `function` is the bare name, `source` the event source's ARN where it has one."""

    scope: Scope
    id: str
    function: str
    source: str | None
    document: Mapping[str, Any]


class Mappings(Protocol):
    """Event source mappings."""

    def get(self, scope: Scope, mapping_id: str) -> Mapped | None: ...

    def put(self, mapping: Mapped) -> None: ...

    def delete(self, scope: Scope, mapping_id: str) -> None: ...

    def all(
        self, scope: Scope, function: str | None, source: str | None, *, after: str | None, limit: int
    ) -> Sequence[Mapped]:
        """Those of *function* and of *source*, where given, by identifier, from the one behind *after* on."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What an account has in a region: functions, and bytes of every stored archive, layers' and versions' alike."""

    functions: int = 0
    code_bytes: int = 0


class AccountTotals(Protocol):
    """Totals, kept as functions and layer versions come and go."""

    def of(self, scope: Scope) -> Totals: ...


class Secrets(Protocol):
    """Random keys of this installation."""

    def obtain(self, name: str) -> bytes:
        """The 32 bytes called *name*, made on first use. Needs a writing transaction."""


class Archives(Protocol):
    """Which archives anything recorded still consists of."""

    def in_use(self, digest: Digest) -> bool: ...

    def in_use_among(self, digests: Sequence[Digest]) -> frozenset[Digest]:
        """Those of *digests*, some hundreds at most, that are in use."""

    def all_in_use(self) -> frozenset[Digest]: ...


@dataclass(frozen=True, slots=True)
class Consisting:
    """An archive's size in bytes, as recorded, and the ARNs of what consists of it: versions of layers and functions.

    A function version is there for its code and for its layers; `$LATEST` is a version, too.
    """

    zipped_bytes: int
    arns: list[str] = field(default_factory=list)

    @property
    def concerned(self) -> tuple[str, ...]:
        """The ARNs, each once, in order."""
        return tuple(sorted(set(self.arns)))


class Checking(Protocol):
    """Whether the catalog is sound: for maintenance. Reads all of it."""

    def faults(self) -> Sequence[str]:
        """What is wrong with its pages, indexes and keys, a sentence each; the rest does not tell what was there."""

    def wrong_totals(self) -> Sequence[Scope]:
        """Where the totals are not what the functions and layer versions come to."""

    def count_again(self) -> None:
        """Have all totals be what there is. Needs a writing transaction."""

    def archives(self) -> Mapping[Digest, Consisting]:
        """Every archive that anything recorded consists of."""


class Stacks(Protocol):
    """CloudFormation's stacks, with their events and change sets. A stack that was deleted is still found by its id."""

    def find(self, scope: Scope, name: str) -> Stack | None:
        """The stack that has the *name* now."""

    def get(self, scope: Scope, stack_id: str) -> Stack | None: ...

    def of_scope(self, scope: Scope) -> Sequence[Stack]:
        """Every stack there is and was, the newest first."""

    def busy(self) -> Sequence[Stack]:
        """Those that an operation is under way on, anywhere, the oldest first."""

    def put(self, stack: Stack) -> None:
        """Record *stack*, new or changed."""

    def add_event(self, stack_id: str, event: Mapping[str, Any]) -> None: ...

    def events(self, stack_id: str, *, before: int | None, limit: int) -> Sequence[tuple[int, Mapping[str, Any]]]:
        """The newest events, numbered as they came; those numbered lower than *before*, where that is given."""

    def put_change_set(self, change_set: ChangeSet) -> None:
        """Record *change_set*, new or changed."""

    def get_change_set(self, change_set_id: str) -> ChangeSet | None: ...

    def change_sets(self, stack_id: str) -> Sequence[ChangeSet]:
        """Those of one stack, the oldest first."""

    def delete_change_set(self, change_set_id: str) -> None: ...


class Transaction(Protocol):
    """One transaction, by the kinds of things it can read and write."""

    @property
    def layers(self) -> Layers: ...
    @property
    def functions(self) -> Functions: ...
    @property
    def aliases(self) -> Aliases: ...
    @property
    def policies(self) -> Policies: ...
    @property
    def tags(self) -> ResourceTags: ...
    @property
    def events(self) -> Events: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def code_signings(self) -> CodeSignings: ...
    @property
    def mappings(self) -> Mappings: ...
    @property
    def stacks(self) -> Stacks: ...
    @property
    def totals(self) -> AccountTotals: ...
    @property
    def secrets(self) -> Secrets: ...
    @property
    def archives(self) -> Archives: ...
    @property
    def checking(self) -> Checking: ...


class Catalog(Protocol):
    """What exists, durably: when `writing` ends without an exception, its changes survive a loss of power."""

    def reading(self) -> AbstractContextManager[Transaction]: ...

    def writing(self) -> AbstractContextManager[Transaction]: ...

    def settle(self) -> bool:
        """Whether a `writing` that failed has certainly changed nothing; while False, a kill may yet bring it about."""

    @property
    def function_changes(self) -> int:
        """A number that grows whenever functions or aliases may have changed, before the writer learns that it
        committed.
        """

    def watch_functions(self, changed: Callable[[], object]) -> Callable[[], None]:
        """Have *changed* called, in the writer's thread, whenever that number has grown; call the result to end it."""

    def close(self) -> None: ...
