"""Where it was measured, and when."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.fetching import Interpreter


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as it was during a run. *load* is how many processes wanted a processor, before it and after."""

    day: str
    commit: str
    processor: str
    processors: int
    memory_gb: int
    kernel: str
    distribution: str
    file_system: str
    user: str
    server_python: str
    runtime: str
    load: tuple[float, ...]

    @classmethod
    def look(cls, folder: Path, interpreter: Interpreter) -> Machine:
        """This machine now; state is kept on the file system of *folder*."""
        return cls(
            day=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            commit=_said("git", "describe", "--always", "--dirty", "--exclude=*"),
            processor=_found(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text()) or platform.machine(),
            processors=len(os.sched_getaffinity(0)),
            memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
            kernel=platform.release(),
            distribution=_found(r'^PRETTY_NAME="?([^"\n]+)', Path("/etc/os-release").read_text()) or "Linux",
            file_system=_said("stat", "--file-system", "--format=%T", str(folder)),
            user="root" if os.geteuid() == 0 else "an ordinary user",
            server_python=platform.python_version(),
            runtime=interpreter.runtime,
            load=(round(os.getloadavg()[0], 1),),
        )

    def ended(self) -> Machine:
        """The same, with the load at the end."""
        return replace(self, load=(*self.load, round(os.getloadavg()[0], 1)))

    def to_json(self) -> dict[str, Any]:
        """Everything there is, for a file."""
        return asdict(self)


def _found(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else None


def _said(*command: str) -> str:
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
