"""LAM10x: archives that are refused, or that come out otherwise than they went in."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from lamina.layers.archive import ArchiveEmpty, ArchiveError, ArchiveTooLarge, LinkLeadsOut
from lamina.layers.archive import Entry as ArchiveEntry
from lamina.layers.archive.links import check_target
from lamina.workshop.artifacts import Kind
from lamina.workshop.checks.attached import Attached
from lamina.workshop.checks.findings import Fault, Rule, Severity, listed

_RUBBISH: Final = re.compile(r"(?:.*/)?(?:__MACOSX|\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)(?:/.*)?")
_HISTORY: Final = re.compile(r"((?:.*/)?\.(?:git|hg|svn))/.*")
_ZIP_ANEW: Final = "Make it anew: cd into the folder that has python/, nodejs/ or whichever, then zip -r ../layer.zip ."


def refused(name: str, reason: ArchiveError) -> tuple[str, Fault]:
    """For an archive that a server would refuse, which `sources.load` met: the id of the rule it breaks, and how."""
    if isinstance(reason, ArchiveEmpty):
        return "LAM102", _nothing_in(name)
    if isinstance(reason, LinkLeadsOut):
        return "LAM103", _leads_out(name, (), reason)
    if isinstance(reason, ArchiveTooLarge):
        return "LAM202", Fault(name, (), str(reason), "Leave out what the function does not need.")
    return "LAM101", Fault(name, (), f"Lambda cannot unzip it: {reason}", _ZIP_ANEW)


def _empty(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        if not examined.artifact.entries:
            yield _nothing_in(examined.name)


def _links_out(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        folders = {entry.path for entry in examined.artifact.entries if entry.kind is Kind.FOLDER}
        for entry in examined.artifact.entries:
            if entry.kind is Kind.LINK:
                link = ArchiveEntry(entry.path, Kind.LINK, entry.mode, 0, entry.size, target=entry.target)
                try:
                    check_target(link, folders.__contains__)
                except ArchiveError as error:
                    yield _leads_out(examined.name, (entry.path,), error)


def _case_collisions(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        spelled = defaultdict(list)
        for entry in examined.artifact.entries:
            spelled[entry.path.casefold()].append(entry.path)
        for paths in spelled.values():
            # Below two folders that differ in case everything does; the folders say it all.
            if len(paths) > 1 and len({path.rpartition("/")[0] for path in paths}) == 1:
                yield Fault(
                    examined.name,
                    tuple(paths),
                    f"{' and '.join(paths)} differ in case alone: on macOS and Windows one overwrites the other",
                    "Rename one, or remove the one that is not meant.",
                )


def _backslashes(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        paths = tuple(entry.path for entry in examined.artifact.entries if "\\" in entry.path)
        if paths:
            yield Fault(
                examined.name,
                paths,
                f"backslashes are part of names on Linux, not folders: {listed(paths, 1)}",
                "Make the archive with a tool that writes slashes: 7-Zip, tar -a, Python's zipfile, not old .NET's.",
            )


def _rubbish(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        paths = tuple(entry.path for entry in examined.artifact.entries if _RUBBISH.fullmatch(entry.path))
        if paths:
            yield Fault(
                examined.name,
                paths,
                "it has files that a desktop left behind",
                "Remove them: zip -d layer.zip '__MACOSX/*' '*.DS_Store'",
            )


def _history(attached: Attached) -> Iterator[Fault]:
    for examined in attached.all:
        paths = {found[1] for entry in examined.artifact.entries if (found := _HISTORY.fullmatch(entry.path))}
        if paths:
            yield Fault(
                examined.name,
                tuple(sorted(paths)),
                "it carries a repository's history, with all that was ever committed",
                "Leave it out: zip -r layer.zip . -x '.git/*'",
            )


def _nothing_in(name: str) -> Fault:
    return Fault(name, (), "there is nothing in it", "Look at the folder that was zipped: it was empty.")


def _leads_out(name: str, paths: tuple[str, ...], reason: ArchiveError) -> Fault:
    mend = "Put a copy of what it points to in its place, as zip does without -y."
    return Fault(name, paths, f"Lambda does not unzip a link that leads out: {reason}", mend)


RULES = (
    Rule("LAM101", Severity.ERROR, "archive that cannot be unzipped", None),
    Rule("LAM102", Severity.ERROR, "nothing in it", _empty),
    Rule("LAM103", Severity.ERROR, "link that leads out", _links_out),
    Rule("LAM104", Severity.WARNING, "names that differ in case alone", _case_collisions),
    Rule("LAM105", Severity.ERROR, "backslashes in names", _backslashes),
    Rule("LAM106", Severity.NOTE, "files that a desktop left behind", _rubbish),
    Rule("LAM107", Severity.WARNING, "repository's history", _history),
)
