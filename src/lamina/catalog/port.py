"""The catalog's port: what operations and the worker may ask of it, whatever database answers.

    with catalog.writing() as transaction:
        number = transaction.layers.next_number(layer)
        transaction.layers.add(version)

Everything inside one `with` is seen by others at once, when it ends, or not at all when it raises. `writing` admits
one transaction at a time, so what was read inside it still holds when it commits; `reading` sees one instant and
waits for nobody. A transaction is used by the thread that opened it, and briefly: no archive is read inside one.

Each kind of thing it reads and writes has a port of its own; those lie beside this one, by what they are about.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from lamina.catalog.functions import Aliases, Functions
from lamina.catalog.layers import Layers
from lamina.catalog.queues import Deliveries, Events
from lamina.catalog.resources import Policies, ResourceTags
from lamina.catalog.settings import CodeSignings, Mappings, Settings
from lamina.catalog.stacks import Stacks
from lamina.catalog.storage import AccountTotals, Archives, Checking


class Secrets(Protocol):
    """Random keys of this installation."""

    def obtain(self, name: str) -> bytes:
        """The 32 bytes called *name*, made on first use. Needs a writing transaction."""


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
