"""The `lamina` command as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.server import Server

LAMINA = str(Path(sys.executable).with_name("lamina"))


class Run:
    """The command, in a folder of its own, with a cache of its own, and with `environ` above everything else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ: dict[str, str] = {}

    def __call__(self, *arguments: str, server: Server | None = None) -> subprocess.CompletedProcess[str]:
        environ = {
            "AWS_ENDPOINT_URL": server.endpoint if server else "http://127.0.0.1:9",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }
        return subprocess.run(
            [LAMINA, *arguments],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            cwd=self.folder,
            env={**os.environ, **environ, **self.environ},
        )

    def write(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return name
