"""Every CPython this machine has for a runtime, found as the server finds them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import lamina
from lamina.worker import interpreters

GUEST = Path(lamina.__file__).parent / "guest"
VAR_RUNTIME = GUEST / "runtimes" / "python"
FOUND = {runtime: layout.executable for runtime, layout in interpreters.find().items()}

with_each = pytest.mark.parametrize("runtime", FOUND)


def run(runtime: str, code: str, *arguments: str, **environ: str) -> str:
    """What *code* prints, run by *runtime* alone with *environ*; it must succeed."""
    done = subprocess.run(
        [FOUND[runtime], "-S", "-B", "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environ,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
