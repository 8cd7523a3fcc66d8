"""Rules, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamina.workshop.checks.attached import Attached


class Severity(StrEnum):
    """An error fails on AWS, a warning may or fails for some; a note is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule found: `where` is the artifact's name, None when it is of all together; `paths` are in it.

    `says` is one sentence on what is wrong, `mend` on what to do.
    """

    where: str | None
    paths: tuple[str, ...]
    says: str
    mend: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing looked for. The id is for ever, docs/checks/<id>.md its page, `name` what it is called in a line.

    `look` is None for what is met before there is anything to look at: an archive that cannot be unzipped.
    """

    id: str
    severity: Severity
    name: str
    look: Callable[[Attached], Iterable[Fault]] | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault, and the rule that it breaks."""

    id: str
    severity: Severity
    name: str
    fault: Fault


def worst(findings: Sequence[Finding]) -> Severity | None:
    """The worst severity among *findings*; None when there are none."""
    return min((finding.severity for finding in findings), key=list(Severity).index, default=None)


def listed(names: Iterable[str], shown: int = 3) -> str:
    """*names* for a sentence, no more than *shown* of them: "a, b, c and 12 more"."""
    found = list(names)
    more = len(found) - shown
    return ", ".join(found[:shown]) + (f" and {more} more" if more > 0 else "")


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """*findings* worst first, and by id among equals."""
    return sorted(findings, key=lambda finding: (list(Severity).index(finding.severity), finding.id))
