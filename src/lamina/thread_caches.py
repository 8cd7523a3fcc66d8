"""Has a server's threads keep no freed memory for themselves (glibc's tcache).

Each of them would keep up to seven pieces of each size below a kilobyte, wherever in the heap it had them last; nothing
gives these back while the thread lives, and with them stay the pages they lie on. In days of load they are megabytes
(docs/RELIABILITY.md, "An hour of load").
"""

from __future__ import annotations

import os
import sys
from typing import Final

_VARIABLE: Final = "GLIBC_TUNABLES"
_SETTING: Final = "glibc.malloc.tcache_count"
_NONE: Final = f"{_SETTING}=0"


def leave_off() -> None:
    """Have this program begin once more without such caches; returns in the one that has none.

    glibc reads the variable that says so before a program begins, and nothing else will do. What this one starts has
    the variable as it was given.
    """
    given = os.environ.get(_VARIABLE, "")
    before = as_given(given)
    if before is not None:
        if before:
            os.environ[_VARIABLE] = before
        else:
            del os.environ[_VARIABLE]
        return
    wanted = to_begin_with(given)
    if wanted is None or not sys.executable or not _is_glibc():
        return
    os.environ[_VARIABLE] = wanted
    try:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    except OSError:
        # It serves with them as well, and takes some more memory.
        leave_off()


def to_begin_with(given: str) -> str | None:
    """GLIBC_TUNABLES that say so, too, where *given* are a user's; None where he has said how it is to be."""
    if any(each.partition("=")[0] == _SETTING for each in given.split(":")):
        return None
    return f"{given}:{_NONE}" if given else _NONE


def as_given(value: str) -> str | None:
    """What `to_begin_with` made *value* of; None where it did not."""
    rest, _, last = value.rpartition(":")
    return rest if last == _NONE else None


def _is_glibc() -> bool:
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (OSError, ValueError):
        return False
