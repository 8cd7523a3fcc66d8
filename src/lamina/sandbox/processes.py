"""What the server does about processes that are not its own children."""

from __future__ import annotations

import contextlib
import ctypes
import os

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Have orphans below this process become its children: a zygote, whose parent ends once it has started it."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def bury(pid: int) -> None:
    """Wait for the orphan *pid* to end, and reap it."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
