"""How much memory there is for environments, and how much of it is left: the machine's, and that of every group above.

In a container the machine's figure is not what counts, and below a limit for all environments together neither is the
container's; so each group with a limit is asked, from our own up to the root, and that of the environments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lamina.sandbox import cgroups

_MEMINFO: Final = Path("/proc/meminfo")
# Those wanted are the first and the third.
_LINES: Final = 3
# v2, v1: limit, use, and what of memory.stat the kernel takes back when it needs to.
_FILES: Final = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes; `available` is what can be had without swapping."""

    available: int
    total: int


@dataclass(frozen=True, slots=True)
class MemoryView:
    """Where to look. *groups* are folders of control groups that bound what environments may take."""

    groups: tuple[Path, ...] = ()
    meminfo: Path = _MEMINFO

    def read(self) -> Memory:
        """What there is now. Takes a fraction of a millisecond."""
        told = dict(line.split(b":", 1) for line in self.meminfo.read_bytes().splitlines()[:_LINES])
        available, total = (int(told[name].split()[0]) << 10 for name in (b"MemAvailable", b"MemTotal"))
        for folder in self.groups:
            limit, left = _of_group(folder, available) or (total, available)
            available, total = min(available, left), min(total, limit)
        return Memory(max(0, available), total)


def find(environments: Iterable[Path]) -> MemoryView:
    """What bounds this process, and the groups *environments*, now: who has no limit yet is not asked again."""
    unbounded = MemoryView().read().total
    groups = [folder for folder in (*environments, *_own_groups()) if (_limit(folder) or unbounded) < unbounded]
    return MemoryView(tuple(groups))


def _own_groups() -> Iterator[Path]:
    """The folder of our own memory group, and those above it."""
    mounts, own = cgroups.mounts(), cgroups.own_groups()
    for controller in ("", "memory"):
        root, path = mounts.get(controller), own.get(controller)
        if root is not None and path is not None:
            folder = cgroups.below(root, path)
            while folder != root:
                yield folder
                folder = folder.parent
            yield root


def _limit(folder: Path) -> int | None:
    return next((limit for files in _FILES if (limit := _number(folder / files[0])) is not None), None)


def _of_group(folder: Path, enough: int) -> tuple[int, int] | None:
    """The limit of a group and what it has left, *enough* or more not looked into; None without a limit."""
    for limit_file, use_file, reclaimable in _FILES:
        limit, use = _number(folder / limit_file), _number(folder / use_file)
        if limit is not None and use is not None:
            left = limit - use
            # The kernel takes longer to count what it would take back.
            if left < enough:
                counters = dict(line.split(" ", 1) for line in (folder / "memory.stat").read_text().splitlines())
                left += int(counters.get(reclaimable, 0))
            return limit, left
    return None


def _number(file: Path) -> int | None:
    """None for "max", too, and for a group that is not there."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None
