"""The catalog's ports for what is stored: archives in use, what they come to, and whether all of it is sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lamina.names import Digest, Scope


class Archives(Protocol):
    """Which archives anything recorded still consists of."""

    def in_use(self, digest: Digest) -> bool: ...

    def in_use_among(self, digests: Sequence[Digest]) -> frozenset[Digest]:
        """Those of *digests*, some hundreds at most, that are in use."""

    def all_in_use(self) -> frozenset[Digest]: ...


@dataclass(frozen=True, slots=True)
class Totals:
    """What an account has in a region: functions, and bytes of every stored archive, layers' and versions' alike."""

    functions: int = 0
    code_bytes: int = 0


class AccountTotals(Protocol):
    """Totals, kept as functions and layer versions come and go."""

    def of(self, scope: Scope) -> Totals: ...


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
