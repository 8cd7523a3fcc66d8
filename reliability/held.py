"""What a server holds of the machine at one moment, and whether that grows. The judgement is pure."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.processes import family, own_mb
from tests.support.server import Server

# Of memory, in MB; all else are things that are counted.
MEMORY: Final = ("server MB", "all MB")
SAMPLES_MIN: Final = 20
_PERCENT_MAX: Final = 2.0

Held = Mapping[str, float]


def look(server: Server) -> Held:
    """What *server* holds now: the memory of its own process and of all below it, and the count of all else.

    Memory is without pages of files: the fewer others run the same programs, the more of those would be the server's.
    """
    pid = server.process.pid
    everybody = family(pid)
    return {
        "server MB": own_mb([pid]),
        "all MB": own_mb(everybody),
        "processes": len(everybody) - 1,
        "threads": len(os.listdir(f"/proc/{pid}/task")),
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "mounts": len(Path(f"/proc/{pid}/mounts").read_text().splitlines()),
        "namespaces": len(_namespaces(everybody)),
        "control groups": _control_groups(server.state),
        "loop devices": sum(str(server.state) in told for told in _backing_files()),
        "scratch": len(os.listdir(server.state / "scratch")),
    }


def drift(samples: Sequence[Held]) -> dict[str, tuple[float, float]]:
    """Of each thing held, the median of the second tenth of *samples* and that of the last.

    The first tenth fills pools and caches; in between it may go up and down.
    """
    assert len(samples) >= SAMPLES_MIN, f"{len(samples)} samples say nothing"
    tenth = len(samples) // 10
    return {
        name: (
            median(sample[name] for sample in samples[tenth : 2 * tenth]),
            median(sample[name] for sample in samples[-tenth:]),
        )
        for name in samples[0]
    }


def grown(name: str, early: float, late: float) -> bool:
    """Whether what is called *name* has become more, by over 2 %; of what is counted, by over one thing, too."""
    return late > early * (1 + _PERCENT_MAX / 100) + (0 if name in MEMORY else 1)


def _control_groups(state: Path) -> int:
    """How many groups there are below those of the server with its state in *state*, which it calls by it."""
    name = f"lamina-{hashlib.sha256(str(state).encode()).hexdigest()[:12]}"
    folders = (folder for folder, _, _ in os.walk("/sys/fs/cgroup") if f"/{name}/" in folder)
    return sum(1 for _ in folders)


def _backing_files() -> Iterator[str]:
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):
            yield file.read_text()


def _namespaces(pids: Sequence[int]) -> set[str]:
    found: set[str] = set()
    for pid in pids:
        try:
            found.update(os.readlink(link) for link in Path(f"/proc/{pid}/ns").iterdir())
        except OSError:
            # It has ended since.
            continue
    return found
