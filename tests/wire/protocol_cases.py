"""botocore's own protocol cases for rest-json, read from the source archive of the botocore that is installed.

They are not in the installed package and not copied here: the archive is fetched once into `.cache/`, or named by
`LAMINA_BOTOCORE_SDIST` where there is no network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore

_CACHE = Path(__file__).parents[2] / ".cache" / "botocore"


@dataclass(frozen=True, slots=True)
class ProtocolCase:
    """One case: the service it is about (metadata, shapes), its operation, and what goes in and comes out."""

    id: str
    service: dict[str, Any]
    case: dict[str, Any]

    @property
    def operation(self) -> str:
        return str(self.case["given"]["name"])


def protocol_cases(direction: str) -> list[ProtocolCase]:
    """All rest-json cases of *direction*, "input" or "output", with ids that are unique."""
    name = f"botocore-{botocore.__version__}/tests/unit/protocols/{direction}/rest-json.json"
    with tarfile.open(_archive()) as archive:
        member = archive.extractfile(name)
        assert member is not None, f"{name} is no file"
        suites = json.load(member)
    return [
        ProtocolCase(case["id"], _service(suite, case["given"]), case) for suite in suites for case in suite["cases"]
    ]


def _service(suite: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {"serviceId": "protocol", **suite["metadata"]},
        "shapes": suite["shapes"],
        "operations": {operation["name"]: operation},
    }


def _archive() -> Path:
    named = os.environ.get("LAMINA_BOTOCORE_SDIST")
    if named:
        return Path(named)
    cached = _CACHE / f"botocore-{botocore.__version__}.tar.gz"
    if not cached.exists():
        _fetch(cached)
    return cached


def _fetch(cached: Path) -> None:
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", "botocore", "--dest", folder, f"botocore=={botocore.__version__}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=110)
        if done.returncode != 0:
            raise RuntimeError(
                f"botocore's protocol cases could not be fetched. Download the source archive of botocore "
                f"{botocore.__version__} and name it in LAMINA_BOTOCORE_SDIST.\n{done.stderr}"
            )
        Path(folder, cached.name).replace(cached)
