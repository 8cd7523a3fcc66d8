"""What `lamina runtimes install` has put into the state folder (docs/formats/runtimes.md)."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ARCHITECTURES: Final = {"x86_64": "x86_64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed runtime: `release` of its language if `lang` is there, and what stands in /var/runtime."""

    release: str
    lang: Path | None
    runtime: Path


def folder(state: Path) -> Path:
    """Where they are, below the server's state folder."""
    return state / "runtimes" / "installed" / "v1"


def names(root: Path) -> list[str]:
    """The ids of all there are in *root*."""
    return [path.parent.name for path in sorted(root.glob("[!.]*/manifest.json"))]


def read(root: Path, runtime: str) -> Installed | None:
    """The one called *runtime* in *root*; None where there is none, or one for another machine."""
    home = root / runtime
    try:
        manifest = json.loads((home / "manifest.json").read_text("utf-8"))
        if manifest["architecture"] != _ARCHITECTURES.get(platform.machine()):
            return None
        return Installed(manifest["release"], home / "lang" if manifest["lang"] else None, home / "runtime")
    except (OSError, ValueError, LookupError, TypeError):
        return None
