"""A folder as pieces of a layer, as it is but for what nobody wants in one."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from lamina.workshop.building.pieces import Package, Piece
from lamina.workshop.errors import WorkshopError

PROJECT_FILE: Final = "lamina.toml"
# Made by the machine that works with the files; none of it is the layer's.
_LEFT_OUT: Final = frozenset(("__pycache__", ".git", ".DS_Store", ".mypy_cache", ".pytest_cache", ".ruff_cache"))


def walk(root: Path, prefix: str, package: Callable[[str], Package]) -> Iterator[Piece]:
    """The files and links below *root*, each with *prefix* before its path; *package* says whose a path is.

    Raises WorkshopError for what no archive can hold.
    """
    for inner, item in _below(root, ""):
        status = item.stat(follow_symlinks=False)
        path = prefix + inner
        if stat.S_ISLNK(status.st_mode):
            yield Piece(path, package(inner), target=os.readlink(item.path))
        elif stat.S_ISREG(status.st_mode):
            executable = bool(status.st_mode & 0o111)
            yield Piece(path, package(inner), source=Path(item.path), executable=executable)
        else:
            raise WorkshopError(f"{item.path} is a device, a pipe or a socket", "No archive can hold it: remove it.")


def of_folder(root: Path, output: Path | None = None) -> list[Piece]:
    """The pieces of *root*, which lies as /opt will; each of its folders' folders counts as a package.

    Without what was built from it before, in the folder *output*, and without the project's own file.
    """
    found = walk(root, "", lambda inner: Package("/".join(inner.split("/")[:2])))
    built = f"{os.path.relpath(output, root)}/" if output is not None else PROJECT_FILE
    return [piece for piece in found if piece.path != PROJECT_FILE and not piece.path.startswith(built)]


def _below(root: Path, inner: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(root / inner) as found:
        for item in sorted(found, key=lambda item: item.name):
            if item.name in _LEFT_OUT or item.name.endswith(".pyc"):
                continue
            path = f"{inner}/{item.name}" if inner else item.name
            if item.is_dir(follow_symlinks=False):
                yield from _below(root, path)
            else:
                yield path, item
