"""What this process can build sandboxes with: found out once, at the start, and told to whoever asks."""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from lamina.sandbox import cgroups, scratch, seccomp
from lamina.sandbox.cgroups import Cgroups, Unavailable
from lamina.sandbox.plan import LIMITS, SANDBOX_USERS, UNLIMITED, Seal
from lamina.sandbox.scratch import Scratch
from lamina.worker.uids import Uids

# Where a function cannot be charged for its memory, a limit on private memory stands behind the watchdog; the room
# above the function's size is for what a process maps and never touches, such as threads' stacks.
_UNTOUCHED_BYTES = 512 << 20
_OOM_SCORE = 500


@dataclass(frozen=True, slots=True)
class Machine:
    """The means to build sandboxes with."""

    privileged: bool
    cgroups: Cgroups | None
    why_no_cgroups: str | None
    scratch: Scratch
    first_uid: int
    uids: Uids

    def seal(self, uid: int, memory_mb: int) -> Seal:
        """What a function of *memory_mb* is held by."""
        limits = dict(LIMITS)
        if self.cgroups is None:
            limits["RLIMIT_DATA"] = (2 * (memory_mb << 20) + _UNTOUCHED_BYTES, UNLIMITED)
        return Seal(uid, not self.privileged, limits, seccomp.program(platform.machine()), _OOM_SCORE)


def examine(state: Path) -> Machine:
    """The means of this process; what an earlier server on *state* left behind is cleared away."""
    privileged = os.geteuid() == 0
    groups = cgroups.find(f"lamina-{hashlib.sha256(str(state).encode()).hexdigest()[:12]}")
    if not isinstance(groups, Unavailable):
        groups.sweep()
    first_uid, count = _uid_range() if privileged else (1051, 1)
    return Machine(
        privileged=privileged,
        cgroups=None if isinstance(groups, Unavailable) else groups,
        why_no_cgroups=groups.reason if isinstance(groups, Unavailable) else None,
        scratch=scratch.find(state / "scratch"),
        first_uid=first_uid,
        uids=Uids(first_uid, count),
    )


def _uid_range() -> tuple[int, int]:
    """Ids nobody else uses: high up in what our own user namespace has."""
    highest = 0
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = map(int, line.split())
        highest = max(highest, first + count)
    return max(1051, min(2_000_000_000, highest - SANDBOX_USERS)), SANDBOX_USERS
