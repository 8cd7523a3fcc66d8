"""Which layers `build` and `publish` are about: those of the project file, or the one that options describe."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.failures import Failure

if TYPE_CHECKING:
    from lamina.workshop.recipes import Project, Recipe

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Layers of the project file.  [all]")]
From = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="PATH",
        help="What declares the packages (requirements.txt, pyproject.toml, uv.lock, poetry.lock, package.json, "
        "pom.xml), or a folder that lies as /opt will. Can be given several times. No project file is read then.",
    ),
]
Runtime = Annotated[
    list[str] | None,
    typer.Option("--runtime", metavar="ID", help="Such as python3.13; the layer is for it. Several times for several."),
]
Architecture = Annotated[
    list[str] | None,
    typer.Option("--architecture", metavar="NAME", help="x86_64 or arm64, whatever this machine is. Several times."),
]
Strip = Annotated[
    str | None,
    typer.Option("--strip", metavar="LIST", help="Leave out tests, docs, dist-info-extras: never what is imported."),
]
Split = Annotated[
    bool | None,
    typer.Option("--split/--no-split", help="Make as many layers as it takes to upload each without S3."),
]
ProjectFile = Annotated[
    str | None,
    typer.Option("--project", metavar="FILE", help="The project file.  [lamina.toml or pyproject.toml, here or above]"),
]
Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="DIR", help="Folder for the archives.  [default: build]")
]

Fresh = Annotated[bool, typer.Option("--fresh", help="Ask the registries again, whatever was built before.")]


def wanted(
    names: list[str] | None,
    sources: list[str] | None,
    project_file: str | None,
    output: str | None,
    *,
    runtimes: list[str] | None,
    architectures: list[str] | None,
    strip: str | None,
    split: bool | None,
) -> tuple[Recipe, ...]:
    """The recipes that the options of a command mean. Raises Failure or a WorkshopError."""
    from lamina.workshop import recipes

    changes: dict[str, object] = {}
    if runtimes:
        changes["runtimes"] = tuple(runtimes)
    if architectures:
        recipes.check_architectures(architectures)
        changes["architectures"] = tuple(architectures)
    if strip is not None:
        changes["strip"] = recipes.strips([name for name in strip.split(",") if name])
    if split is not None:
        changes["split"] = split
    here = Path.cwd()
    if output is not None:
        changes["output"] = Path(os.path.abspath(output))
    file = None
    if not sources:
        file = Path(os.path.abspath(project_file)) if project_file else recipes.find(here)
    if file is not None:
        project = recipes.read(file)
        chosen = tuple(_of_project(project, name) for name in names) if names else project.layers
    else:
        chosen = (_described(names or [], sources or ["."], here),)
    made = tuple(replace(recipe, **changes) for recipe in chosen)  # type: ignore[arg-type]  # by the names of its fields
    _check_runtimes(made)
    return made


def _check_runtimes(recipes: tuple[Recipe, ...]) -> None:
    from lamina.cli.here import known_runtimes
    from lamina.functions.runtimes import RETIRED

    named = dict.fromkeys(runtime for recipe in recipes for runtime in recipe.runtimes)
    # A layer may be for a runtime that no new function can have.
    unknown = [runtime for runtime in named if runtime not in {*known_runtimes(), *RETIRED}]
    if unknown:
        raise Failure(f"there is no runtime {unknown[0]}", "`lamina runtimes` lists them.", Failure.USAGE)


def _of_project(project: Project, name: str) -> Recipe:
    found = next((recipe for recipe in project.layers if recipe.name == name), None)
    if found is None:
        have = ", ".join(recipe.name for recipe in project.layers)
        raise Failure(f"{project.file} has no layer {name}", f"It has {have}.", Failure.USAGE)
    return found


def _described(names: list[str], sources: list[str], here: Path) -> Recipe:
    """The one layer that options describe; without a name it is called as the folder is."""
    from lamina.workshop import recipes

    if len(names) > 1:
        raise Failure(
            f"there is no project file here that describes {' and '.join(names)}",
            "With --from it is one layer; several are described in lamina.toml.",
            Failure.USAGE,
        )
    name = names[0] if names else re.sub(r"[^A-Za-z0-9_-]+", "-", here.name).strip("-") or "layer"
    recipes.check_name(name)
    inputs = tuple(Path(os.path.abspath(source)) for source in sources)
    return recipes.Recipe(name, inputs, output=here / "build")
