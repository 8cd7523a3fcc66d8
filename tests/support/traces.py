"""How much of each kind a server has at the moment: what must come back to where it was."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path

from tests.support import leaks
from tests.support.server import Server


def environments_of(server: Server) -> int:
    """How many execution environments are alive, idle ones included."""
    with urllib.request.urlopen(f"{server.endpoint}/_lamina/health", timeout=60) as answer:
        alive: int = json.load(answer)["environments"]["alive"]
    return alive


def traces_of(server: Server) -> dict[str, int]:
    """How much of each kind there is now, of the server's."""
    found = leaks.look(server.state)
    return {
        "processes": len(leaks.descendants(server.process.pid)),
        "descriptors": len(os.listdir(f"/proc/{server.process.pid}/fd")),
        "mounts": len(Path(f"/proc/{server.process.pid}/mounts").read_text().splitlines()),
        "control groups": sum(path.is_dir() for group in found.cgroups for path in Path(group).iterdir()),
        "loop devices": len(found.loop_devices),
        "scratch": sum(1 for _ in (server.state / "scratch").iterdir()),
    }


# Connections and threads of a pool keep descriptors, and so does every /tmp that waits for the next environment, with a
# loop device: eight of them. Two hundred environments would be a thousand.
_SPARE = {"descriptors": 25, "loop devices": 8}


def near(now: dict[str, int], quiet: dict[str, int], spare: int = 3) -> bool:
    """Whether *now* is *quiet* again, but for *spare*: what is ready for a next cold start at one moment or another."""
    return all(now[name] <= quiet[name] + spare + _SPARE.get(name, 0) for name in quiet)
