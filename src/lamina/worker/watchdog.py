"""Memory and /tmp held to their size where the kernel does not do it: no control groups, no file system of its own.

It looks ten times a second, so a function can be over its limit for that long; the limit on private memory in its seal
stands behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Collection, Iterator
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
    if memory and _memory_kb(prepared.blank.pid) > spec.memory_mb << 10:
        return f"{spec.memory_mb} MB of memory"
    folder = prepared.tmp.folder
    if storage and folder is not None and _folder_bytes(folder) > spec.storage_mb << 20:
        return f"{spec.storage_mb} MB of /tmp"
    return None


def _memory_kb(init: int) -> int:
    """What the processes below *init* hold in memory that is not a file's, shared pages shared out."""
    processes = list(_descendants(init))
    rough = sum(_field(f"/proc/{pid}/status", ("RssAnon:", "RssShmem:")) for pid in processes)
    if rough < 16 << 10:
        return rough
    # Forked processes count the pages they share several times above; this asks the kernel to do it well.
    return sum(_field(f"/proc/{pid}/smaps_rollup", ("Pss_Anon:", "Pss_Shmem:")) for pid in processes)


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
