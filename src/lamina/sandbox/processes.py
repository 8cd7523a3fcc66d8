"""What the server does about processes that are not its own children."""

from __future__ import annotations

import ctypes
import os

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Have orphans below this process become its children: a zygote, whose parent ends once it has started it."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def bury(pid: int) -> int | None:
    """Wait for the orphan *pid* to end, and reap it: its exit status, or minus the signal that killed it.

    None where somebody else has reaped it.
    """
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return None
