"""From a recipe to archives: what it declares is installed, made the same everywhere, stripped, divided and written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from lamina import __version__
from lamina.names import Digest
from lamina.workshop.building import ecosystems, node
from lamina.workshop.building.archives import Packed, pack, write
from lamina.workshop.building.builds import Build, Builds, BuiltLayer, key_of
from lamina.workshop.building.inputs import Input, recognise
from lamina.workshop.building.pieces import Piece
from lamina.workshop.building.records import written_again
from lamina.workshop.building.sizes import by_package, divide, overflows
from lamina.workshop.building.stripping import strip
from lamina.workshop.building.tools import Tools
from lamina.workshop.errors import WorkshopError
from lamina.workshop.recipes import Recipe

# Moves on with what a build of the same inputs comes to.
_FORMAT: Final = 2
# What the clients of registries read of the environment: another registry, another resolution.
_SETTINGS: Final = ("UV_", "NPM_CONFIG_", "npm_config_", "MAVEN_")


def build(recipe: Recipe, builds: Builds, tools: Tools, *, fresh: bool = False) -> Build:
    """The layer, or layers, of *recipe*: those of an earlier build of the same, unless a *fresh* one is wanted.

    Raises WorkshopError. Interrupted, it leaves nothing behind.
    """
    inputs = [recognise(path, _names) for path in recipe.inputs]
    key = key_of(_parts(recipe, inputs, tools), [file for one in inputs for file in ecosystems.files(recipe, one)])
    found = None if fresh else builds.get(key)
    if found is not None:
        return found
    with builds.aside() as aside:
        pieces: list[Piece] = []
        for number, one in enumerate(inputs):
            pieces += ecosystems.install(recipe, one, aside / f"input-{number}", tools)
        pieces, notes = _lighter(recipe, _once(pieces))
        if not pieces:
            raise WorkshopError(f"nothing is left for the layer {recipe.name}: its inputs ask for nothing")
        tools.progress.step(f"compressing {len(pieces)} file{'' if len(pieces) == 1 else 's'}")
        packed = pack(pieces)
        whole = aside / "whole"
        whole.mkdir()
        layers = [_written(name, part, whole) for name, part in _parts_of(recipe, packed)]
        notes += overflows(by_package(packed), divided=recipe.split)
        notes += [_UNPINNED.format(one.path.name) for one in inputs if not ecosystems.is_pinned(one)]
        made = Build(tuple(layers), tuple(notes), int(time.time()))
        # What is kept must not lie where everything else goes.
        return builds.put(key, made, whole)


_UNPINNED: Final = (
    "{} does not pin its versions: this build is kept and used again, and --fresh asks the registry for newer ones"
)


def _parts(recipe: Recipe, inputs: Sequence[Input], tools: Tools) -> dict[str, object]:
    """What a build depends on besides the files."""
    return {
        "format": [_FORMAT, __version__, version("uv"), version("deflate")],
        "name": recipe.name,
        "for": [recipe.runtimes, recipe.architectures],
        "how": [sorted(recipe.strip), recipe.split, recipe.extras, recipe.groups],
        "inputs": [one.ecosystem for one in inputs],
        "settings": sorted(f"{name}={value}" for name, value in tools.environ.items() if name.startswith(_SETTINGS)),
    }


def _once(pieces: Iterable[Piece]) -> list[Piece]:
    """*pieces*, those that several inputs have in common once; two that only share a path are both there."""
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        before = found.setdefault(piece.path, [])
        if not any(piece.same_as(other) for other in before):
            before.append(piece)
    return [piece for same in found.values() for piece in same]


def _lighter(recipe: Recipe, pieces: list[Piece]) -> tuple[list[Piece], list[str]]:
    """*pieces* without what the recipe strips, and what its maker should know of that."""
    notes = [
        f"{package} would run a script when it is installed; none is run, since it could be for this machine only"
        for package in node.with_scripts(pieces)
    ]
    if not recipe.strip:
        return pieces, notes
    stripped = strip(pieces, recipe.strip)
    if stripped.imported:
        notes.append(f"kept, because something imports them: {', '.join(stripped.imported)}")
    return written_again(stripped.pieces), notes


def _parts_of(recipe: Recipe, packed: Sequence[Packed]) -> Iterator[tuple[str, list[Packed]]]:
    """The layers that *packed* become: their names, and what is in each, in the order of an archive."""
    plan = divide(by_package(packed)) if recipe.split else []
    if len(plan) < 2:
        yield recipe.name, list(packed)
        return
    for number, packages in enumerate(plan, 1):
        yield f"{recipe.name}-{number}", [item for item in packed if item.piece.package in packages]


def _written(name: str, packed: Sequence[Packed], folder: Path) -> BuiltLayer:
    file = folder / f"{name}.zip"
    with file.open("wb") as out:
        write(packed, out)
    data = file.read_bytes()
    sizes = by_package(packed)
    return BuiltLayer(name, file, Digest.of(data), len(data), sum(item.size for item in packed), sizes)


def _names(path: Path) -> list[str] | None:
    if not path.exists():
        raise WorkshopError(f"there is no {path}")
    return os.listdir(path) if path.is_dir() else None
