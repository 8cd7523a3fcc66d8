"""What each kind of input comes to: the files that say so, the pieces that are installed, and whether it is pinned."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from lamina.workshop.building import java, node, python
from lamina.workshop.building.folders import of_folder
from lamina.workshop.building.inputs import Ecosystem, Input
from lamina.workshop.building.pieces import Piece
from lamina.workshop.building.targets import Target
from lamina.workshop.building.tools import Tools
from lamina.workshop.building.variants import merge, targets_of
from lamina.workshop.errors import WorkshopError
from lamina.workshop.recipes import Recipe


def files(recipe: Recipe, one: Input) -> Iterator[tuple[str, Path]]:
    """Every file that says what *one* comes to, under a name that does not depend on where it lies."""
    if one.ecosystem is Ecosystem.FOLDER:
        if os.path.abspath(recipe.output) == os.path.abspath(one.path):
            raise WorkshopError(
                f"the layer {recipe.name} would be put into {one.path}, the folder that it is built from",
                "Name another folder: --output DIR, or `output` of the project.",
            )
        for piece in of_folder(one.path, recipe.output):
            yield piece.path, one.path / piece.path
        return
    sources = {Ecosystem.PYTHON: python.sources, Ecosystem.NODE: node.sources, Ecosystem.JAVA: java.sources}
    for path in sources[_supported(one)](one.path):
        if not path.is_file():
            raise WorkshopError(f"there is no {path}, which {one.path} needs")
        yield os.path.relpath(path, one.path.parent), path


def install(recipe: Recipe, one: Input, aside: Path, tools: Tools) -> list[Piece]:
    """What *one* puts into the layer. *aside* is a folder to be made."""
    if one.ecosystem is Ecosystem.FOLDER:
        return of_folder(one.path, recipe.output)
    installer: Callable[[Target, Path], list[Piece]] = {
        Ecosystem.PYTHON: lambda target, folder: python.install(
            one.path, target, folder, tools, recipe.extras, recipe.groups
        ),
        Ecosystem.NODE: lambda target, folder: node.install(one.path, target, folder, tools),
        Ecosystem.JAVA: lambda _, folder: java.install(one.path, folder, tools),
    }[_supported(one)]
    variants = {}
    for target in targets_of(one.ecosystem, recipe.name, recipe.runtimes, recipe.architectures):
        folder = aside / f"{target.runtime}-{target.architecture}"
        folder.mkdir(parents=True)
        variants[target] = installer(target, folder)
    return merge(variants, recipe.name)


def _supported(one: Input) -> Ecosystem:
    if one.ecosystem is Ecosystem.RUBY:
        raise WorkshopError(
            f"{one.path} is for Bundler, and lamina build has no way with gems yet",
            "Install them below ruby/gems/3.4.0 of a folder (bundle config set path …) and build from that folder.",
        )
    return one.ecosystem


def is_pinned(one: Input) -> bool:
    """Whether *one* comes to the same packages for ever."""
    checks = {Ecosystem.PYTHON: python.is_pinned, Ecosystem.NODE: node.is_pinned}
    return one.ecosystem not in checks or checks[one.ecosystem](one.path)
