"""What a layer can do without: tests, documentation, what installers keep for themselves. Never what is imported. Pure.

A folder called `tests` may be what the package runs on, and `boto3.docs` is imported by boto3 itself. So a folder goes
only if nothing that stays imports it: neither by a statement, nor by a name in a string, nor as an entry point.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lamina.workshop.building.importing import javascript_imports, python_imports
from lamina.workshop.building.pieces import Piece


class Strip(StrEnum):
    """What may go."""

    TESTS = "tests"
    DOCS = "docs"
    EXTRAS = "dist-info-extras"


@dataclass(frozen=True, slots=True)
class Stripped:
    """What stays; how many files went; and the folders that were kept because something imports them, sorted."""

    pieces: tuple[Piece, ...]
    files: int
    imported: tuple[str, ...]


_FOLDERS: Final = {
    Strip.TESTS: frozenset(("test", "tests", "__tests__")),
    Strip.DOCS: frozenset(("doc", "docs", "example", "examples")),
}
# Where a language looks, up to the name of a package.
_PYTHON: Final = re.compile(r"python/(?:lib/python3\.\d+/site-packages/)?")
_NODE: Final = re.compile(r"nodejs/(?:node\d+/)?node_modules/")
_LICENCE: Final = re.compile(r"(?i)(licen[cs]e|copying|notice|authors|copyright)")
_METADATA: Final = re.compile(r"(?P<folder>.+\.dist-info)/(?P<file>.+)")
_KEPT_METADATA: Final = frozenset(("METADATA", "RECORD", "entry_points.txt", "top_level.txt"))
_CODE: Final = (".py", ".js", ".cjs", ".mjs", "/package.json", "/entry_points.txt")


def strip(pieces: Sequence[Piece], kinds: Iterable[Strip]) -> Stripped:
    """*pieces* without what *kinds* name."""
    wanted = set(kinds)
    names = frozenset().union(*(_FOLDERS.get(kind, frozenset()) for kind in wanted))
    candidates: dict[str, list[Piece]] = {}
    stay = []
    for piece in pieces:
        folder = _folder(piece.path, names)
        if folder is None or _LICENCE.match(piece.path.rpartition("/")[2]):
            stay.append(piece)
        else:
            candidates.setdefault(folder, []).append(piece)
    imported = _imported(stay, candidates, names) if candidates else set()
    stay += [piece for folder in imported for piece in candidates[folder]]
    if Strip.EXTRAS in wanted:
        stay = [_without_description(piece) for piece in stay if not _is_extra(piece.path)]
    return Stripped(tuple(stay), len(pieces) - len(stay), tuple(sorted(imported)))


def _folder(path: str, names: frozenset[str]) -> str | None:
    """The outermost folder on *path* that *names* name, where a package's own folders begin."""
    root = _PYTHON.match(path) or _NODE.match(path)
    if root is None:
        return None
    parts = path[root.end() :].split("/")[:-1]
    for depth, part in enumerate(parts):
        # A package of npm may itself be called so; what is in one is told by its inner folders.
        if part in names and not (root.re is _NODE and (depth == 0 or (depth == 1 and parts[0].startswith("@")))):
            return root[0] + "/".join(parts[: depth + 1])
    return None


def _imported(stay: Sequence[Piece], candidates: dict[str, list[Piece]], names: frozenset[str]) -> set[str]:
    """Those of *candidates* that what stays imports, and what these import in turn."""
    words = [name.encode() for name in names]
    found: set[str] = set()
    unread = list(stay)
    while unread:
        meant: set[str] = set()
        for piece in unread:
            if piece.target is None and piece.path.endswith(_CODE):
                content = piece.read()
                if any(word in content for word in words):
                    meant |= _imports(piece.path, content)
        new = {folder for folder in candidates if folder not in found and _is_meant(folder, meant)}
        found |= new
        unread = [piece for folder in new for piece in candidates[folder]]
    return found


def _imports(path: str, content: bytes) -> set[str]:
    """The paths, without an ending, that the file at *path* imports."""
    root = _PYTHON.match(path)
    if root is not None:
        return {root[0] + inner for inner in python_imports(path[root.end() :], content)}
    root = _NODE.match(path)
    return {root[0] + inner for inner in javascript_imports(path[root.end() :], content)} if root else set()


def _is_meant(folder: str, meant: set[str]) -> bool:
    return folder in meant or any(path.startswith(f"{folder}/") for path in meant)


def _is_extra(path: str) -> bool:
    parts = _METADATA.fullmatch(path)
    if parts is None or parts["file"] in _KEPT_METADATA:
        return False
    return not _LICENCE.match(parts["file"].rpartition("/")[2]) and not _LICENCE.match(parts["file"])


def _without_description(piece: Piece) -> Piece:
    """A METADATA without its body, which is the package's README; any other piece as it is."""
    if not piece.path.endswith(".dist-info/METADATA"):
        return piece
    head, end, _ = piece.read().partition(b"\n\n")
    return piece.holding(head + end[:1])
