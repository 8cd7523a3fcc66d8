"""What all environments of a zygote have in common: told to it once, and worked out before it forks."""

from __future__ import annotations

import types
from typing import Any, Callable, NamedTuple

from . import runtime
from .sealing import Seal


class Common(NamedTuple):
    """What an environment's first processes know without being told."""

    way_out: dict[str, Any]  # what network is to be had
    processes: list[list[str]]  # the mounts that show its processes, and hide the rest of /proc
    switches: list[list[str]]  # those behind which nothing of the kernel's can be set any more
    seal: Seal
    code: types.CodeType | None
    rehearse: Callable[[], None] | None

    @classmethod
    def of(cls, message: dict[str, Any], rehearse: Callable[[], None] | None) -> Common:
        """The worker's *message*, read."""
        code = runtime.compiled(message["program"]) if message["program"] else None
        mounts = message["processes"], message["switches"]
        return cls(message["network"], *mounts, Seal.of(message["seal"]), code, rehearse)
