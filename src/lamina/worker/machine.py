"""What this process can build sandboxes with: found out once, at the start, and told to whoever asks."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

from lamina.sandbox import cgroups, scratch, seccomp
from lamina.sandbox.cgroups import Cgroups, Unavailable
from lamina.sandbox.network import Mode
from lamina.sandbox.plan import LIMITS, UNLIMITED, Seal
from lamina.sandbox.scratch import Scratch
from lamina.worker.network import Network
from lamina.worker.network import find as find_network
from lamina.worker.uids import Uids

# Where a function cannot be charged for its memory, a limit on private memory stands behind the watchdog; the room
# above the function's size is for what a process maps and never touches, such as threads' stacks.
_UNTOUCHED_BYTES = 512 << 20
_OOM_SCORE = 500
# Blanks have ids too, and an environment's is free again only once the kernel has let go of its processes.
_UIDS_BESIDE = 256
_NOBODY = 65534
# AWS's sbx_user1051 is the first there; systemd's containers end below the second; the third still fits 31 bits.
_FIRST_UID, _HIGH_UID, _UIDS_END = 1051, 2_000_000_000, 2_147_000_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Machine:
    """The means to build sandboxes with."""

    privileged: bool
    cgroups: Cgroups | None
    why_no_cgroups: str | None
    scratch: Scratch
    first_uid: int
    uids: Uids
    environments_max: int  # what was asked for, or what there are user ids for
    network: Network = field(default_factory=lambda: Network("none"))

    def seal_ahead(self) -> Seal:
        """What holds a process before it is known whose function it will run; `seal` then only limits it further."""
        return Seal(-1, not self.privileged, LIMITS, seccomp.program(platform.machine()), _OOM_SCORE)

    def seal(self, uid: int, memory_mb: int, storage_mb: int, *, template: bool = False) -> Seal:
        """What a function of *memory_mb* and *storage_mb* is held by; as a *template*, until it is forked."""
        limits = dict(LIMITS)
        if self.cgroups is None:
            limits["RLIMIT_DATA"] = (2 * (memory_mb << 20) + _UNTOUCHED_BYTES, UNLIMITED)
        if self.scratch.root is not None:
            # No one file grows beyond /tmp between two looks of the watchdog.
            limits["RLIMIT_FSIZE"] = (storage_mb << 20, storage_mb << 20)
        program = seccomp.program(platform.machine(), template=template)
        return Seal(uid, not self.privileged, limits, program, _OOM_SCORE, template)


def examine(state: Path, environments_max: int, network: Mode = "none") -> Machine:
    """The means of this process; what an earlier server on *state* left behind is cleared away.

    What has `network` is to be closed in the end. Fewer environments than *environments_max* are promised where there
    are too few user ids for them.
    """
    privileged = os.geteuid() == 0
    tag = hashlib.sha256(str(state).encode()).hexdigest()
    groups = cgroups.find(f"lamina-{tag[:12]}")
    if not isinstance(groups, Unavailable):
        groups.sweep()
    first_uid, count = _FIRST_UID, 1
    if privileged:
        uid_map = Path("/proc/self/uid_map").read_text()
        first_uid, count = _uid_range(environments_max + _UIDS_BESIDE, uid_map, int(tag, 16))
        possible = max(1, count - _UIDS_BESIDE)
        if possible < environments_max:
            _log.warning(
                "this user namespace has user ids for %d environments, not for %d: that many may be alive at once",
                possible,
                environments_max,
            )
            environments_max = possible
    return Machine(
        privileged=privileged,
        cgroups=None if isinstance(groups, Unavailable) else groups,
        why_no_cgroups=groups.reason if isinstance(groups, Unavailable) else None,
        scratch=scratch.find(state / "scratch"),
        first_uid=first_uid,
        uids=Uids(first_uid, count, shared=not privileged),
        environments_max=environments_max,
        network=find_network(network, tag[:6]),
    )


def _uid_range(wanted: int, uid_map: str, which: int) -> tuple[int, int]:
    """The first of up to *wanted* ids that nobody else uses, and how many: high up in what our user namespace has.

    *which* picks one of the ranges that fit. Of all processes of one id the kernel makes one sum, whichever server
    started them: servers that pick different ranges do not eat up each other's RLIMIT_NPROC.
    """
    extents = ((int(first), int(count)) for first, _, count in map(str.split, uid_map.splitlines()))
    lowest, end = max((first, first + count) for first, count in extents)
    # All users that have no id here look as if they were this one.
    if end - wanted <= _NOBODY < end:
        end = _NOBODY
    lowest = max(_FIRST_UID, lowest)
    end = min(end, _UIDS_END)
    # Below are the host's other users, and other programs' containers.
    roomy = max(lowest, _HIGH_UID if end - wanted > _HIGH_UID else (lowest + end) // 2)
    ranges = max(1, (end - roomy) // wanted)
    first = max(lowest, end - wanted * (1 + which % ranges))
    return first, max(0, min(wanted, end - first))
