"""What a layer can be built from: told apart by the names of files, as each language's own tools do. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from lamina.workshop.errors import WorkshopError


class Ecosystem(StrEnum):
    """Whose packages they are; a folder is taken as it is."""

    PYTHON = "python"
    NODE = "nodejs"
    JAVA = "java"
    RUBY = "ruby"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Input:
    """Where a layer's content comes from. `path` is the file that declares it, or the folder that holds it."""

    ecosystem: Ecosystem
    path: Path


# A lock file says more than what it was made from.
_MANIFESTS: Final = {
    "uv.lock": Ecosystem.PYTHON,
    "poetry.lock": Ecosystem.PYTHON,
    "pylock.toml": Ecosystem.PYTHON,
    "requirements.txt": Ecosystem.PYTHON,
    "pyproject.toml": Ecosystem.PYTHON,
    "package.json": Ecosystem.NODE,
    "pom.xml": Ecosystem.JAVA,
    "Gemfile": Ecosystem.RUBY,
}
_SAME_AS: Final = {
    "package-lock.json": "package.json",
    "npm-shrinkwrap.json": "package.json",
    "Gemfile.lock": "Gemfile",
}
# Names that pip's and uv's users give such files.
_PYTHONS: Final = re.compile(r".+\.(?:txt|in)|requirements.*\.lock|pylock\..+\.toml")
# What AWS looks at below /opt.
LAYOUT: Final = ("python", "nodejs", "java", "ruby", "bin", "lib", "extensions")
_KNOWN: Final = "requirements.txt, pyproject.toml, uv.lock, poetry.lock, package.json, pom.xml"
_HINT: Final = f"A layer is built from {_KNOWN}, or from a folder that has {', '.join(LAYOUT[:-1])} or {LAYOUT[-1]}."


def recognise(path: Path, names: Callable[[Path], Iterable[str] | None]) -> Input:
    """What *path* is. *names* lists a folder, and gives None for what is no folder. Raises WorkshopError."""
    listed = names(path)
    if listed is None:
        return _file(path)
    inside = set(listed)
    manifests = [name for name in _MANIFESTS if name in inside]
    kinds = list(dict.fromkeys(_MANIFESTS[name] for name in manifests))
    if len(kinds) > 1:
        raise WorkshopError(
            f"{path} has {' and '.join(manifests)}",
            "Name the one to build from: --from FILE, or `from` of the project.",
        )
    if manifests:
        return Input(kinds[0], path / manifests[0])
    if inside & set(LAYOUT):
        return Input(Ecosystem.FOLDER, path)
    raise WorkshopError(f"{path} has nothing that a layer could be built from", _HINT)


def _file(path: Path) -> Input:
    name = _SAME_AS.get(path.name, path.name)
    ecosystem = _MANIFESTS.get(name)
    if ecosystem is None and _PYTHONS.fullmatch(name):
        ecosystem = Ecosystem.PYTHON
    if ecosystem is None:
        raise WorkshopError(f"{path} is nothing that a layer could be built from", _HINT)
    return Input(ecosystem, path.with_name(name))
