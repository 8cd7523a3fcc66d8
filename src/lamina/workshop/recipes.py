"""What a project says of its layers: lamina.toml, or [tool.lamina] of a pyproject.toml. Pure but for `find`, `read`.

`[layers.numbers]` with `from = "requirements.txt"` and `runtimes = ["python3.12"]` is all that a layer takes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from lamina.workshop.building.folders import PROJECT_FILE
from lamina.workshop.building.stripping import Strip
from lamina.workshop.building.targets import ARCHITECTURES
from lamina.workshop.errors import WorkshopError

_PYPROJECT: Final = "pyproject.toml"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,140}")


class ProjectError(WorkshopError):
    """The project file cannot be used."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint, WorkshopError.USAGE)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A layer to be built. `inputs` are files or folders; `extras` and `groups` those of a Python project; `output` is
    the folder that its archives are put into.

    Without `runtimes` or `architectures` nothing is declared to be compatible when it is published; what depends on the
    CPU is then built for x86_64, as AWS's own default is, whatever this machine has.
    """

    name: str
    inputs: tuple[Path, ...]
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    strip: frozenset[Strip] = frozenset()
    split: bool = False
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    description: str = ""
    license: str = ""
    output: Path = Path("build")


@dataclass(frozen=True, slots=True)
class Project:
    """The layers of a project, in the order of its file."""

    file: Path
    layers: tuple[Recipe, ...]


_LISTS: Final = ("from", "runtimes", "architectures", "strip", "extras", "groups")
_TEXTS: Final = ("description", "license")
_KEYS: Final = frozenset((*_LISTS, *_TEXTS, "split"))


def find(start: Path) -> Path | None:
    """The project file of *start*: in it, or in the nearest folder above that has one."""
    for folder in (start, *start.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder / PROJECT_FILE
        pyproject = folder / _PYPROJECT
        if pyproject.is_file() and "lamina" in _toml(pyproject).get("tool", {}):
            return pyproject
    return None


def read(file: Path) -> Project:
    """The project that *file* describes. Raises ProjectError, which names the line's key."""
    return parse(file, _table(file))


def audit_ignored(file: Path) -> tuple[str, ...]:
    """The vulnerabilities that *file* has `lamina audit` leave out. Raises ProjectError."""
    return _audit_ignored(file, _table(file))


def parse(file: Path, content: Mapping[str, Any]) -> Project:
    """The project that the table *content* of *file* describes; paths are relative to the file's folder."""
    _check_keys(file, "", content, {"audit", "layers", "output"})
    _audit_ignored(file, content)
    layers = content.get("layers")
    if not isinstance(layers, dict) or not layers:
        raise ProjectError(f"{file} names no layer", 'Such as:\n\n  [layers.mine]\n  from = "requirements.txt"')
    output = content.get("output", "build")
    if not isinstance(output, str):
        raise ProjectError(f"{file}: output is not a folder's name")
    recipes = (_recipe(file, name, table) for name, table in layers.items())
    return Project(file, tuple(replace(recipe, output=file.parent / output) for recipe in recipes))


def check_name(name: str) -> None:
    """Raise ProjectError if no layer can be called *name*."""
    if _NAME.fullmatch(name) is None:
        raise ProjectError(f"no layer can be called {name!r}", "A name has letters, digits, - and _, 140 at most.")


def strips(names: Sequence[str]) -> frozenset[Strip]:
    """What *names* name. Raises ProjectError."""
    try:
        return frozenset(Strip(name) for name in names)
    except ValueError:
        unknown = ", ".join(name for name in names if name not in set(Strip))
        raise ProjectError(f"{unknown}: no such thing to strip", f"There are {', '.join(Strip)}.") from None


def check_architectures(names: Sequence[str]) -> None:
    """Raise ProjectError for a name that is no architecture of Lambda's."""
    for name in names:
        if name not in ARCHITECTURES:
            raise ProjectError(f"{name!r} is no architecture", f"There are {' and '.join(ARCHITECTURES)}.")


def _recipe(file: Path, name: str, table: Any) -> Recipe:
    if not isinstance(table, dict):
        raise ProjectError(f"{file}: layers.{name} is not a table")
    _check_keys(file, f"layers.{name}.", table, _KEYS)
    check_name(name)
    lists = {key: _list(file, f"layers.{name}.{key}", table.get(key, [])) for key in _LISTS}
    texts = {key: table.get(key, "") for key in _TEXTS}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise ProjectError(f"{file}: layers.{name}.{key} is not a text")
    if not isinstance(table.get("split", False), bool):
        raise ProjectError(f"{file}: layers.{name}.split is neither true nor false")
    check_architectures(lists["architectures"])
    return Recipe(
        name,
        tuple(file.parent / path for path in lists["from"] or (".",)),
        lists["runtimes"],
        lists["architectures"],
        strips(lists["strip"]),
        table.get("split", False),
        lists["extras"],
        lists["groups"],
        texts["description"],
        texts["license"],
    )


def _audit_ignored(file: Path, content: Mapping[str, Any]) -> tuple[str, ...]:
    table = content.get("audit", {})
    if not isinstance(table, dict):
        raise ProjectError(f"{file}: audit is not a table")
    _check_keys(file, "audit.", table, {"ignore"})
    return _list(file, "audit.ignore", table.get("ignore", []))


def _list(file: Path, key: str, value: Any) -> tuple[str, ...]:
    """A list of texts; a text alone is one of one."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise ProjectError(f"{file}: {key} is neither a text nor a list of texts")
    return tuple(values)


def _check_keys(file: Path, where: str, table: Mapping[str, Any], known: set[str] | frozenset[str]) -> None:
    for key in table:
        if key not in known:
            raise ProjectError(f"{file}: there is no {where}{key}", f"There are {', '.join(sorted(known))}.")


def _table(file: Path) -> dict[str, Any]:
    """What *file* says to us."""
    content = _toml(file)
    table = content.get("tool", {}).get("lamina", {}) if file.name == _PYPROJECT else content
    if not isinstance(table, dict):
        raise ProjectError(f"{file}: tool.lamina is not a table")
    return table


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ProjectError(f"{file} cannot be read: {error}") from error
