"""Packages of Node.js for a CPU that need not be this machine's: installed by npm, which runs none of their scripts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from lamina.workshop.building.folders import walk
from lamina.workshop.building.pieces import Package, Piece
from lamina.workshop.building.targets import Target
from lamina.workshop.building.tools import ToolFailed, Tools
from lamina.workshop.errors import WorkshopError

PREFIX: Final = "nodejs/node_modules/"
LOCKS: Final = ("npm-shrinkwrap.json", "package-lock.json")
_ONLY_WHAT_RUNS: Final = ("--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def sources(manifest: Path) -> Iterator[Path]:
    """Every file that says what *manifest* comes to."""
    yield manifest
    yield from (manifest.with_name(name) for name in (*LOCKS, ".npmrc") if manifest.with_name(name).is_file())


def is_pinned(manifest: Path) -> bool:
    """Whether there is a lock file beside *manifest*."""
    return any(manifest.with_name(name).is_file() for name in LOCKS)


def install(manifest: Path, target: Target, aside: Path, tools: Tools) -> list[Piece]:
    """The packages that *manifest* asks for, for *target*'s CPU, as pieces below nodejs/node_modules/.

    *aside* is an empty folder. Raises WorkshopError.
    """
    npm = tools.find("npm", "It comes with Node.js; Debian and Ubuntu have it in the package npm.")
    for source in sources(manifest):
        shutil.copy(source, aside)
    _check(manifest)
    tools.progress.step(f"installing what {manifest.name} asks for, for {target.architecture}")
    way = ("ci",) if is_pinned(manifest) else ("install", "--no-package-lock")
    try:
        tools.run([npm, *way, *_ONLY_WHAT_RUNS, *target.npm_options], aside)
    except ToolFailed as error:
        raise WorkshopError(f"npm could not install what {manifest} asks for\n{error.output.strip()}") from error
    modules = aside / "node_modules"
    if not modules.is_dir():
        return []
    packages: dict[str, Package] = {}

    def package(inner: str) -> Package:
        name = _top(inner)
        if name not in packages:
            packages[name] = Package(name, _json(modules / name / "package.json").get("version", ""))
        return packages[name]

    # npm's note to itself on what it installed, and from where.
    return [piece for piece in walk(modules, PREFIX, package) if piece.path != f"{PREFIX}.package-lock.json"]


def with_scripts(pieces: list[Piece]) -> list[str]:
    """The packages among *pieces* that would run a script when they are installed, and did not."""
    found = []
    for piece in pieces:
        inner = piece.path.removeprefix(PREFIX)
        if inner == f"{piece.package.name}/package.json" and piece.target is None:
            scripts = json.loads(piece.read()).get("scripts", {})
            if any(scripts.get(moment) for moment in ("preinstall", "install", "postinstall")):
                found.append(str(piece.package))
    return found


def _check(manifest: Path) -> None:
    """Refuse what npm would link to a folder of this machine."""
    asked = _json(manifest)
    for kind in ("dependencies", "optionalDependencies"):
        for name, version in asked.get(kind, {}).items():
            if str(version).startswith(("file:", "link:", "workspace:")):
                raise WorkshopError(
                    f"{manifest} takes {name} from {version}, which no layer can hold as a link",
                    "`npm pack` makes a package of it; or publish it to your registry.",
                )


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise WorkshopError(f"{path} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def _top(inner: str) -> str:
    parts = inner.split("/")
    return "/".join(parts[:2]) if parts[0].startswith("@") else parts[0]
