"""Whose control group it is: a server holds its own by a lock, which the kernel takes back from whoever is killed.

A killed server's processes end with it, its groups stay, and one that keeps its state elsewhere would never look at
them. So each removes at its start what nobody holds. That a group is empty says nothing: a server may be about to make
its first environment.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

_OURS: Final = re.compile(r"lamina-(?:[0-9a-f]{12}|probe-[0-9]+)")
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def hold(group: Path) -> int:
    """Make *group* if need be, and keep others from removing it as long as the descriptor is open. Raises OSError."""
    while True:
        # Not by mkdir(exist_ok=True), which fails for what is removed before it has looked what is there.
        with suppress(FileExistsError):
            os.mkdir(group)
        with suppress(FileNotFoundError):
            descriptor = os.open(group, _OPEN)
            # Waits for one who is removing it at this moment.
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if _is_there(group, descriptor):
                return descriptor
            os.close(descriptor)


def is_held(group: Path) -> bool:
    """Whether somebody who lives holds *group*."""
    try:
        descriptor = os.open(group, _OPEN)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def remove_abandoned(own: Path) -> None:
    """Remove the groups of servers beside *own* that nobody holds any more; what has processes stays."""
    for group in own.parent.iterdir():
        if group == own or _OURS.fullmatch(group.name) is None:
            continue
        # Gone meanwhile, another user's, or in use: none of our business.
        with suppress(OSError):
            descriptor = os.open(group, _OPEN)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for inner in [path for path in group.iterdir() if path.is_dir()]:
                    inner.rmdir()
                group.rmdir()
            finally:
                os.close(descriptor)


def _is_there(group: Path, descriptor: int) -> bool:
    """Whether *group* is still what *descriptor* was opened on."""
    try:
        return group.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False
