"""The catalog's ports for functions, their versions and their aliases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from lamina.functions.aliases import Alias
from lamina.functions.versions import FunctionVersion
from lamina.names import FunctionArn, LayerVersionArn, Scope


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
