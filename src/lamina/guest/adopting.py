"""Finding the process that has moved into an environment from a template, and waiting until it is harmless."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

_TRIES = 100
_PAUSE_S = 0.01


class _Seen(NamedTuple):
    pid: int
    rights: int


def wait_adoptable() -> int | None:
    """The process, once nothing in here but process 1 has rights any more; None if that takes too long."""
    for _ in range(_TRIES):
        found = [_look_at(entry) for entry in os.listdir("/proc") if entry.isdigit() and entry != "1"]
        living = [seen for seen in found if seen is not None]
        if living and not any(seen.rights for seen in living):
            return min(seen.pid for seen in living)
        # Those that brought it here are about to end.
        time.sleep(_PAUSE_S)
    return None


def _look_at(entry: str) -> _Seen | None:
    """A process, and what capabilities it has; None if it has ended."""
    try:
        with open("/proc/%s/status" % entry) as file:
            fields = dict(line.split(":", 1) for line in file)
    except OSError:
        return None
    if fields["State"].split()[0] in "ZX":
        return None
    rights = [int(fields[name], 16) for name in ("CapPrm", "CapEff", "CapInh")]
    return _Seen(int(entry), rights[0] | rights[1] | rights[2])
