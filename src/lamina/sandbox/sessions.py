"""Whether the kernel shares the processors among sessions first: what holds a function where nothing weighs it.

By sched(7), "the autogroup feature": each setsid(2) begins a group of equal weight. It does so for processes that no
control group for processors holds, which is not written anywhere: it follows from what the groups' folders have.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lamina.sandbox import cgroups

_SWITCH: Final = Path("/proc/sys/kernel/sched_autogroup_enabled")


def share_processors() -> bool:
    """Whether a process of ours that begins a session gets one share, however many threads it starts in there."""
    try:
        if _SWITCH.read_text().strip() != "1":
            return False
    except OSError:
        return False
    return not is_grouped(cgroups.mounts(), cgroups.own_groups())


def is_grouped(mounts: dict[str, Path], own: dict[str, str]) -> bool:
    """Whether a control group for processors holds us, by where the controllers are mounted and our *own* groups."""
    if "cpu" in mounts:
        # v1 has this file at the very top alone, wherever a container may see its own group as the top.
        return not (cgroups.below(mounts["cpu"], own.get("cpu", "/")) / "release_agent").exists()
    if "" not in mounts:
        return False
    folder = cgroups.below(mounts[""], own.get("", "/"))
    above = [folder, *(each for each in folder.parents if each.is_relative_to(mounts[""]))]
    # v2 has this one everywhere but at the top, where the group above hands the controller down.
    return any((each / "cpu.weight").exists() for each in above)
