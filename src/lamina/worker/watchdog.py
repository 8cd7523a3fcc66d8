"""Memory and /tmp held to their size where the kernel does not do it: no control groups, no file system of its own.

It looks ten times a second, so a function can be over its limit for that long; the limit on private memory in its seal
stands behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lamina.worker.environment import Environment

_LOOK_SECONDS: Final = 0.1
_log = logging.getLogger(__name__)


async def watch(environments: Collection[Environment], memory: bool, storage: bool) -> None:
    """End what runs in an environment that is over its size; *memory* and *storage* say what to look at."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        for environment in list(environments):
            if not environment.idle:
                excess = await asyncio.to_thread(_excess, environment, memory, storage)
                if excess and not environment.idle:
                    _log.info("%s is over its %s", environment.spec.function, excess)
                    environment.overrun()


def _excess(environment: Environment, memory: bool, storage: bool) -> str | None:
    spec, prepared = environment.spec, environment.prepared
    processes = list(_descendants(prepared.blank.pid))
    folder = prepared.tmp.folder if storage else None
    nameless = _nameless_bytes(processes, folder)
    if memory and _memory_kb(prepared.blank.pid, nameless.in_memory >> 10) > spec.memory_mb << 10:
        return f"{spec.memory_mb} MB of memory"
    if folder is not None and _folder_bytes(folder) + nameless.on_disk > spec.storage_mb << 20:
        return f"{spec.storage_mb} MB of /tmp"
    return None


@dataclass(frozen=True, slots=True)
class _Nameless:
    """Bytes in files that nobody finds in a folder: deleted ones, and those of memfd_create(2)."""

    on_disk: int
    in_memory: int


def _nameless_bytes(processes: Iterable[int], folder: Path | None) -> _Nameless:
    """What the *processes* hold open without a name, on the file system of *folder* or elsewhere: in memory."""
    device = folder.stat().st_dev if folder is not None else None
    found: dict[tuple[int, int], int] = {}
    for pid in processes:
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                        found[status.st_dev, status.st_ino] = status.st_blocks * 512
    on_disk = sum(size for (where, _), size in found.items() if where == device)
    return _Nameless(on_disk, sum(found.values()) - on_disk)


def _memory_kb(init: int, nameless_kb: int = 0) -> int:
    """What the processes below *init* hold in memory that is not a file's, shared pages shared out.

    *nameless_kb* is in files that are memory. Pages of these that are mapped are in the kernel's figure, too; the
    larger of the two counts, since only that cannot be had by counting twice.
    """
    processes = list(_descendants(init))
    anonymous, shared = _sums("status", processes, ("RssAnon:", "RssShmem:"))
    if anonymous + shared >= 16 << 10:
        # Forked processes count the pages they share several times above; this asks the kernel to do it well.
        anonymous, shared = _sums("smaps_rollup", processes, ("Pss_Anon:", "Pss_Shmem:"))
    return anonymous + max(shared, nameless_kb)


def _sums(file: str, processes: Sequence[int], names: tuple[str, str]) -> tuple[int, int]:
    one, other = ([_field(f"/proc/{pid}/{file}", (name,)) for pid in processes] for name in names)
    return sum(one), sum(other)


def _descendants(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                yield int(child)
                yield from _descendants(int(child))


def _field(file: str, names: tuple[str, ...]) -> int:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(names))


def _folder_bytes(folder: Path) -> int:
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
    return total
