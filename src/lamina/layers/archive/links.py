"""Symbolic links: where they may lead."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina.layers.archive.entries import Entry
from lamina.layers.archive.errors import ArchiveUnreadable, LinkLeadsOut, refused

TARGET_BYTES_MAX = 4095
# Of all links of an archive together: targets are kept in memory and followed component by component, and deflated they
# cost next to nothing. A link of 80 bytes for each of 50,000 files is within it.
TARGETS_BYTES_MAX = 4 << 20
# Where archives are unpacked, as a function sees it. What an absolute link names below them lies in the merged layout,
# in this archive or another.
_PLACES = ("opt", "var/task")


def check_target(link: Entry, is_folder: Callable[[str], bool]) -> None:
    """Refuse *link* when following it could leave the tree, whatever else is laid over or under the tree in /opt.

    `..` is allowed at the front, as often as the link lies deep, and after components that are real folders of this
    archive. After anything else (another link, a name that only another layer may have) it could lead from somewhere
    else than it seems to. Every link obeying this, a chain of links cannot leave either. A link to nothing, or to
    itself, is harmless and kept.
    """
    target = link.target
    if not target:
        raise refused(link.path, "it is a link to nothing")
    if "\0" in target:
        raise refused(link.path, "it is a link whose target has a NUL byte")
    here = link.path.rpartition("/")[0]
    components = target.split("/")
    if target[0] == "/":
        here, components = "", _below_place(link, [part for part in components if part not in {"", "."}])
    for component in components:
        if component == "..":
            if not here or not is_folder(here):
                raise _leads_out(link)
            here = here.rpartition("/")[0]
        elif component not in {"", "."}:
            here = f"{here}/{component}" if here else component


def _below_place(link: Entry, components: Sequence[str]) -> list[str]:
    for place in _PLACES:
        names = place.split("/")
        if list(components[: len(names)]) == names:
            return list(components[len(names) :])
    raise _leads_out(link)


def _leads_out(link: Entry) -> ArchiveUnreadable:
    why = f"it is a link that leads out of the archive ({(link.target or '')[:120]!r})"
    return refused(link.path, why, LinkLeadsOut)
