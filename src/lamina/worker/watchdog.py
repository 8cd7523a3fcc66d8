"""Memory and /tmp held to their size where the kernel does not do it: no control groups, no file system of its own.

It looks ten times a second, so a function can be over its limit for that long; the limits on private memory and on the
size of a file in its seal stand behind it. This is the best that can be done from outside, and no more than that. What
cannot be looked at, or not in a reasonable time, counts as over the limit: a function could hide anything there.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from weakref import WeakSet

from lamina.sandbox.plan import PROCESSES_MAX
from lamina.worker.environment import Environment
from lamina.worker.zygotes import Blank

_LOOK_SECONDS: Final = 0.1
_LOOK_SECONDS_MAX: Final = 2.0
# More files than this would make every look slow; at a few kilobytes each, most sizes of /tmp are used up before.
_ENTRIES_MAX: Final = 100_000
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WENT_AWAY: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_log = logging.getLogger(__name__)


class _OutOfSight(Exception):
    """There is more than one can look at, or it is hidden."""


class Watched(set[Environment]):
    """Environments, of which one can wait for the first."""

    def __init__(self, environments: Iterable[Environment] = ()) -> None:
        super().__init__(environments)
        self._some = asyncio.Event()

    def add(self, environment: Environment) -> None:
        super().add(environment)
        self._some.set()

    async def wait_some(self) -> None:
        """Returns once there is one."""
        if not self:
            self._some.clear()
            await self._some.wait()


async def watch(environments: Watched, memory: bool, storage: bool) -> None:
    """End what runs in an environment that is over its size; *memory* and *storage* say what to look at."""
    failed: WeakSet[Environment] = WeakSet()
    while True:
        await environments.wait_some()
        await asyncio.sleep(_LOOK_SECONDS)
        for environment in list(environments):
            try:
                await _look(environment, memory, storage)
            except Exception:  # noqa: BLE001 - whatever it is
                # One environment's trouble must not free all the others of their limits; told once, not ten times a
                # second.
                if environment not in failed:
                    _log.exception("%s could not be looked at", environment.spec.function)
                failed.add(environment)


async def _look(environment: Environment, memory: bool, storage: bool) -> None:
    if not environment.idle:
        excess = await asyncio.to_thread(_excess, environment, memory, storage)
        if excess and not environment.idle:
            _log.info("%s is over its %s", environment.spec.function, excess)
            environment.overrun()


def _excess(environment: Environment, memory: bool, storage: bool) -> str | None:
    spec, prepared = environment.spec, environment.prepared
    patience = _Patience()
    folder = prepared.tmp.folder if storage else None
    try:
        processes = _processes(prepared.blank, patience, environment.apart())
        if memory and len(processes) > PROCESSES_MAX:
            return f"{PROCESSES_MAX} processes"
        nameless = _nameless_bytes(processes, folder, patience)
        if memory and _memory_kb(processes, nameless.in_memory >> 10, patience) > spec.memory_mb << 10:
            return f"{spec.memory_mb} MB of memory"
        if folder is not None and _folder_bytes(folder, patience) + nameless.on_disk > spec.storage_mb << 20:
            return f"{spec.storage_mb} MB of /tmp"
    except _OutOfSight as reason:
        return f"limits: {reason}"
    return None


class _Patience:
    """Time for one look, of this thread's own: that others keep the machine busy is no fault of the function."""

    def __init__(self, seconds: float = _LOOK_SECONDS_MAX) -> None:
        self._until = time.thread_time() + seconds

    def check(self) -> None:
        if time.thread_time() > self._until:
            raise _OutOfSight("it takes too long to look at it")


@dataclass(frozen=True, slots=True)
class _Nameless:
    """Bytes in files that nobody finds in a folder: deleted ones, and those of memfd_create(2)."""

    on_disk: int
    in_memory: int


def _nameless_bytes(processes: Iterable[int], folder: Path | None, patience: _Patience) -> _Nameless:
    """What the *processes* hold open without a name, on the file system of *folder* or elsewhere: in memory."""
    device = folder.stat().st_dev if folder is not None else None
    found: dict[tuple[int, int], int] = {}
    for pid in processes:
        patience.check()
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                        found[status.st_dev, status.st_ino] = status.st_blocks * 512
    on_disk = sum(size for (where, _), size in found.items() if where == device)
    return _Nameless(on_disk, sum(found.values()) - on_disk)


def _memory_kb(processes: Sequence[int], nameless_kb: int, patience: _Patience) -> int:
    """What the *processes* hold in memory that is not a file's, shared pages shared out.

    *nameless_kb* is in files that are memory. Pages of these that are mapped are in the kernel's figure, too; the
    larger of the two counts, since only that cannot be had by counting twice.
    """
    anonymous, shared = _sums("status", processes, (b"RssAnon:", b"RssShmem:"), patience)
    if anonymous + shared >= 16 << 10:
        # Forked processes count the pages they share several times above; this asks the kernel to do it well.
        anonymous, shared = _sums("smaps_rollup", processes, (b"Pss_Anon:", b"Pss_Shmem:"), patience)
    return anonymous + max(shared, nameless_kb)


def _sums(file: str, processes: Iterable[int], names: tuple[bytes, bytes], patience: _Patience) -> tuple[int, int]:
    one = other = 0
    for pid in processes:
        patience.check()
        # In bytes: a process may give itself a name that is no text.
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/{file}").read_bytes().split(b"\n"):
                if line.startswith(names[0]):
                    one += int(line.split()[1])
                elif line.startswith(names[1]):
                    other += int(line.split()[1])
    return one, other


def _processes(blank: Blank, patience: _Patience, apart: Collection[int]) -> list[int]:
    """What runs in *blank* but process 1 and who obeys there."""
    found = {pid: None for above in blank.above for pid in _descendants(above, patience, apart)}
    return list(found) if blank.lone is None or blank.lone.runtime is None else [*found, blank.lone.runtime]


def _descendants(pid: int, patience: _Patience, apart: Collection[int] = ()) -> Iterator[int]:
    """The processes below *pid*, each once: who is nested deep is found as well as others.

    Those *apart*, and what is below them, are looked at by themselves.
    """
    pending, seen = [pid], {pid, *apart}
    while pending:
        patience.check()
        above = pending.pop()
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{above}/task"):
                for word in Path(f"/proc/{above}/task/{task}/children").read_bytes().split():
                    child = int(word)
                    if child not in seen:
                        seen.add(child)
                        pending.append(child)
                        yield child


def _folder_bytes(folder: Path, patience: _Patience) -> int:
    """What is in *folder* takes on disk. Raises _OutOfSight where not all of it can be seen."""
    try:
        top = os.open(folder, _FOLDER)
        try:
            return _blocks_below(top, patience) * 512
        finally:
            os.close(top)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise _OutOfSight(f"/tmp cannot be looked through: {error.strerror}") from error


def _blocks_below(top: int, patience: _Patience) -> int:
    blocks = entries = 0
    # Paths from *top* on, each with the folders in it that are still to be looked at.
    pending = [("", ["."])]
    while pending:
        above, names = pending[-1]
        if not names:
            pending.pop()
            continue
        path = above + names.pop()
        folders: list[str] = []
        for name, status in _statuses(top, path):
            patience.check()
            entries += 1
            if entries > _ENTRIES_MAX:
                raise _OutOfSight(f"there are more than {_ENTRIES_MAX} files in /tmp")
            blocks += status.st_blocks
            if stat.S_ISDIR(status.st_mode):
                folders.append(name)
        pending.append((f"{path}/", folders))
    return blocks


def _statuses(top: int, path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Name and status of each in the folder at *path*; nothing, if that went away meanwhile."""
    try:
        folder = os.open(path, _FOLDER, dir_fd=top)
    except OSError as error:
        if error.errno in _WENT_AWAY:
            return
        raise
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    yield entry.name, entry.stat(follow_symlinks=False)
    finally:
        os.close(folder)
