"""The catalog's ports for what is set on functions beside their configuration, and for what they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from lamina.names import FunctionArn, Scope


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
