"""Runtimes that `lamina runtimes install` fetched: once for this machine and this lock, then copied."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from lamina.installing import lock
from tests.support.fetching import kept

_PATIENCE_S = 600


def install(state: Path, *runtimes: str) -> None:
    """Have *runtimes* in the state folder *state*, whole, as the command leaves them."""
    locked = Path(lock.__file__).with_name("runtimes.lock").read_bytes()
    for runtime in runtimes:
        fetched = kept(f"runtime-{runtime}", [locked], partial(_fetch, runtime))
        # Not linked: files that are linked more than once could be changed from either side.
        shutil.copytree(fetched / "runtimes", state / "runtimes", dirs_exist_ok=True)


def _fetch(runtime: str, folder: Path) -> None:
    command = [sys.executable, "-m", "lamina", "runtimes", "install", runtime, "--state", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
