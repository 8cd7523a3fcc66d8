"""Advisories: what is known of a package, whoever told; and which of them are the same one under several names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lamina.workshop.inventory.components import Component

# The first is what most databases know a vulnerability by, whoever wrote it up.
_KNOWN_BY = ("GHSA-", "CVE-", "PYSEC-")


@dataclass(frozen=True, slots=True)
class Advisory:
    """A vulnerability of one package. `severity` is a word ("high") where somebody gave one, else "".

    `fixed_in` are versions without it, the lowest first; empty where there is none, or none is known.
    """

    id: str
    aliases: tuple[str, ...] = ()
    summary: str = ""
    severity: str = ""
    fixed_in: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Everything that it is known by."""
        return frozenset((self.id, *self.aliases))


@dataclass(frozen=True, slots=True)
class Audited:
    """What came of one component. `by` is who was asked; None if nobody could be, and `reason` then says why."""

    component: Component
    advisories: tuple[Advisory, ...] = ()
    by: str | None = None
    reason: str = ""


def merged(advisories: Iterable[Advisory]) -> tuple[Advisory, ...]:
    """*advisories* of one package, those that share a name as one, by id."""
    found: list[Advisory] = []
    for advisory in sorted(advisories, key=lambda each: (_rank(each.id), each.id)):
        same = [other for other in found if other.names & advisory.names]
        found = [other for other in found if other not in same]
        found.append(_joined([*same, advisory]))
    return tuple(sorted(found, key=lambda each: each.id))


def unignored(audited: Audited, ignored: frozenset[str]) -> tuple[Audited, frozenset[str]]:
    """*audited* without what any name in *ignored* (in upper case) means, and those names that meant something."""
    kept, used = [], set[str]()
    for advisory in audited.advisories:
        named = {name.upper() for name in advisory.names} & ignored
        used |= named
        if not named:
            kept.append(advisory)
    return replace(audited, advisories=tuple(kept)), frozenset(used)


def _joined(same: Sequence[Advisory]) -> Advisory:
    first = same[0]
    names = dict.fromkeys(name for each in same for name in (each.id, *each.aliases))
    fixed = next((each.fixed_in for each in same if each.fixed_in), ())
    summary = next((each.summary for each in same if each.summary), "")
    severity = next((each.severity for each in same if each.severity), "")
    return Advisory(first.id, tuple(name for name in names if name != first.id), summary, severity, fixed)


def _rank(name: str) -> int:
    return next((number for number, prefix in enumerate(_KNOWN_BY) if name.startswith(prefix)), len(_KNOWN_BY))
