"""Seeing that files have changed: by looking, which works on every file system, in a container and over a network."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

_LOOK_EVERY_S: Final = 0.2
# Looking at very many files must not keep a processor busy.
_SHARE: Final = 10
_PASSED_OVER: Final = frozenset((".git", "__pycache__"))

# Of each file (inode, size, time of modification, time of change), by path.
State = Mapping[str, tuple[int, int, int, int]]


def look(paths: Iterable[Path]) -> State:
    """What the files at and below *paths* are like now. What cannot be looked at is not there."""
    found: dict[str, tuple[int, int, int, int]] = {}
    waiting = [str(path) for path in paths]
    while waiting:
        path = waiting.pop()
        try:
            status = os.lstat(path)
            if stat.S_ISDIR(status.st_mode):
                waiting += [entry.path for entry in os.scandir(path) if entry.name not in _PASSED_OVER]
            else:
                found[path] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        except OSError:
            continue
    return found


def wait_changed(
    paths: Iterable[Path],
    before: State,
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[list[str], State]:
    """Returns once files at or below *paths* are not as *before*, and change no more: which, and what all are like."""
    watched = list(paths)
    last = before
    while True:
        began = clock()
        now = look(watched)
        pause = max(_LOOK_EVERY_S, _SHARE * (clock() - began))
        if now == last and now != before:
            return sorted(path for path in {*now, *before} if now.get(path) != before.get(path)), now
        last = now
        wait(pause)
