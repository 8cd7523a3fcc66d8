"""`lamina build`, run as a person would, with the downloads of earlier runs at hand."""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support import fetching

LAMINA = str(Path(sys.executable).with_name("lamina"))
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
PACKAGES = Path(__file__).parents[1] / "system" / "packages"

# An ELF file's e_machine.
MACHINES = {"x86_64": 0x3E, "arm64": 0xB7}


def environ(cache: Path, **more: str) -> dict[str, str]:
    """For a command whose builds are kept in *cache*; what uv has downloaded is the tests' own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "UV_"))}
    return {**kept, "XDG_CACHE_HOME": str(cache), "UV_CACHE_DIR": str(fetching.cache() / "uv"), **more}


def lamina(
    folder: Path, cache: Path, *arguments: str, umask: int = 0o022, **more: str
) -> subprocess.CompletedProcess[str]:
    """What `lamina` did with *arguments* in *folder*."""
    return subprocess.run(
        [LAMINA, *arguments],
        cwd=folder,
        env=environ(cache, **more),
        umask=umask,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def build(folder: Path, cache: Path, *arguments: str, **more: Any) -> list[dict[str, Any]]:
    """The layers that `lamina build` told of, each with its archive's bytes as `data`."""
    done = lamina(folder, cache, "build", "--json", *arguments, **more)
    assert done.returncode == 0, done.stderr
    layers: list[dict[str, Any]] = json.loads(done.stdout)["layers"]
    return [{**layer, "data": Path(layer["file"]).read_bytes()} for layer in layers]


def contents(data: bytes) -> dict[str, bytes]:
    """The files of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def machines(files: dict[str, bytes]) -> set[int]:
    """What the ELF files among *files* are compiled for."""
    return {int.from_bytes(data[18:20], "little") for data in files.values() if data.startswith(b"\x7fELF")}


def sources(names: Sequence[str]) -> list[str]:
    """The options that name the packages pinned beside the tests under *names*."""
    files = ("requirements.lock", "package.json", "pom.xml")
    found = [next(PACKAGES / name / file for file in files if (PACKAGES / name / file).exists()) for name in names]
    return [word for path in found for word in ("--from", str(path))]
