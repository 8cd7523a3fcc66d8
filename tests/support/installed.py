"""Runtimes that `lamina runtimes install` fetched, once for all tests, given to the state folders that want them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lamina.installing.lock import LOCK
from tests.support.fetching import kept

_PATIENCE_S = 600


def install(runtime: str, state: Path, *options: str) -> None:
    """Put *runtime* into the state folder *state*, as the command would; from the cache after the first time."""

    def make(folder: Path) -> None:
        command = [sys.executable, "-m", "lamina", "runtimes", "install", runtime, "--state", str(folder), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)
        assert done.returncode == 0, done.stdout + done.stderr

    made_of = [LOCK.read_bytes(), " ".join(options).encode()]
    cached = kept(f"runtime-{runtime}", made_of, make) / "runtimes" / "installed" / "v1" / runtime
    target = state / "runtimes" / "installed" / "v1" / runtime
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(cached, target, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Another file system.
        shutil.copy2(source, target)
