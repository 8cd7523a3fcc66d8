"""Python packages for a Python and a CPU that need not be this machine's: resolved and installed by uv, wheels only."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Final

from lamina.workshop.building.folders import walk
from lamina.workshop.building.pieces import Package, Piece
from lamina.workshop.building.poetry import requirements_and_constraints
from lamina.workshop.building.records import settle
from lamina.workshop.building.targets import Target
from lamina.workshop.building.tools import ToolFailed, Tools
from lamina.workshop.errors import WorkshopError

PREFIX: Final = "python/"
_UNKNOWN: Final = Package("other files")
_WITHOUT_WHEELS: Final = re.compile(
    r"(?:Wheels are required for|found wheels for|Wheels are available for|attempted to build) `([^`]+)`"
)
_WHEELS_ONLY: Final = (
    "A layer for another machine is built from wheels only. Take a version that has one, or build the wheel yourself, "
    "on Amazon Linux of that CPU, and name its file among the requirements."
)
# In a requirements file: another file of requirements or constraints, and a wheel of this machine.
_NAMES_FILE: Final = re.compile(r"^\s*(?:-r|--requirement|-c|--constraint)[\s=]+(\S+)", re.MULTILINE)
_NAMES_WHEEL: Final = re.compile(r"^\s*(?:[\w.\[\],-]+\s*@\s*)?(?:file:(?://)?)?(\S+\.whl)\b", re.MULTILINE)


def sources(manifest: Path) -> list[Path]:
    """Every file that says what *manifest* comes to; some of them may not be there."""
    if manifest.name in ("uv.lock", "poetry.lock"):
        return [manifest, manifest.with_name("pyproject.toml")]
    if manifest.suffix == ".toml":
        return [manifest]
    # Files of requirements may name each other in a circle.
    found: dict[Path, None] = {}
    unread = [manifest]
    while unread:
        path = unread.pop(0)
        if path not in found and path.is_file() and path.suffix != ".whl":
            text = path.read_text("utf-8", "replace")
            names = [*_NAMES_FILE.findall(text), *_NAMES_WHEEL.findall(text)]
            unread += [Path(os.path.normpath(path.parent / name)) for name in names if "://" not in name]
        found[path] = None
    return list(found)


def is_pinned(manifest: Path) -> bool:
    """Whether *manifest* gives the same packages for ever: a lock, or requirements that each name one version."""
    if manifest.name in ("uv.lock", "poetry.lock") or manifest.name.startswith("pylock."):
        return True
    if manifest.suffix == ".toml":
        return not tomllib.loads(manifest.read_text("utf-8")).get("project", {}).get("dependencies")
    files = [path for path in sources(manifest) if path.suffix != ".whl"]
    lines = [line.strip() for path in files for line in path.read_text("utf-8").replace("\\\n", " ").splitlines()]
    wanted = [line for line in lines if line and not line.startswith(("#", "-"))]
    return all("==" in line or "@" in line or ".whl" in line for line in wanted)


def install(
    manifest: Path,
    target: Target,
    aside: Path,
    tools: Tools,
    extras: tuple[str, ...] = (),
    groups: tuple[str, ...] = (),
) -> list[Piece]:
    """The packages that *manifest* asks for, for *target*, as pieces below python/. *aside* is an empty folder.

    *extras* and *groups* are a project's optional ones. Raises WorkshopError, which names the package without a wheel.
    """
    options: list[str | Path] = [
        *("--python", sys.executable, "--python-version", target.language.version),
        *("--python-platform", target.uv_platform, "--only-binary", ":all:"),
        *("--target", aside / "installed", "--no-python-downloads", "--no-progress", "--color", "never"),
    ]
    tools.progress.step(f"installing what {manifest.name} asks for, for {target}")
    try:
        options += _requirements(manifest, aside, tools, extras, groups)
        tools.run([_uv(), "pip", "install", *options], manifest.parent)
    except ToolFailed as error:
        raise _explained(error.output, manifest, target) from error
    interpreter = f"/var/lang/bin/{target.runtime}"
    pieces = walk(aside / "installed", PREFIX, lambda _: _UNKNOWN) if (aside / "installed").is_dir() else ()
    return settle(pieces, PREFIX, interpreter)


def _requirements(
    manifest: Path, aside: Path, tools: Tools, extras: tuple[str, ...], groups: tuple[str, ...]
) -> list[str | Path]:
    """What tells `uv pip install` what to install."""
    chosen = [word for extra in extras for word in ("--extra", extra)]
    if manifest.name == "uv.lock":
        chosen += [word for group in groups for word in ("--group", group)]
        exported = aside / "requirements.txt"
        kind = ("--frozen", "--no-default-groups", "--no-emit-workspace", "--no-header", "--no-annotate")
        tools.run(
            [_uv(), "export", *kind, "--color", "never", "--python", sys.executable, *chosen, "-q", "-o", exported],
            manifest.parent,
        )
        return ["-r", exported]
    if manifest.name == "poetry.lock":
        project = manifest.with_name("pyproject.toml")
        try:
            read = [tomllib.loads(path.read_text("utf-8")) for path in (manifest, project)]
        except (OSError, ValueError) as error:
            raise WorkshopError(f"{manifest} and its pyproject.toml cannot be read: {error}") from error
        wanted, pinned = requirements_and_constraints(read[0], read[1], extras, groups)
        for name, lines in (("requirements.txt", wanted), ("constraints.txt", pinned)):
            (aside / name).write_text("".join(f"{line}\n" for line in lines))
        return ["-r", aside / "requirements.txt", "-c", aside / "constraints.txt"]
    if manifest.name == "pyproject.toml":
        chosen += [word for group in groups for word in ("--group", f"{manifest.name}:{group}")]
    elif extras or groups:
        raise WorkshopError(f"{manifest.name} has no extras or groups; a pyproject.toml, uv.lock or poetry.lock has")
    return ["-r", manifest.name, *chosen]


def _uv() -> str:
    # It looks the program up on the disk, and only who builds has to wait for that.
    from uv import find_uv_bin  # noqa: PLC0415

    return find_uv_bin()


def _explained(output: str, manifest: Path, target: Target) -> WorkshopError:
    said = "\n".join(line for line in output.splitlines() if not line.startswith(("Using CPython", "Resolved ")))
    without = list(dict.fromkeys(re.sub(r"[=<>].*", "", name) for name in _WITHOUT_WHEELS.findall(output)))
    if without:
        names = " and ".join(without)
        return WorkshopError(f"no wheel of {names} fits {target}\n{said.strip()}", _WHEELS_ONLY)
    return WorkshopError(f"uv could not install what {manifest.name} asks for, for {target}\n{said.strip()}")
