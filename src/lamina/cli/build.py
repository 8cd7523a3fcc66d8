"""`lamina build`: a layer from what declares its packages, the same bytes wherever and whenever it is built."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any

import typer

from lamina.cli.ending import ending_in_order
from lamina.cli.recipes import Architecture, Fresh, From, Names, Output, ProjectFile, Runtime, Split, Strip, wanted


def build(
    names: Names = None,
    source: From = None,
    runtime: Runtime = None,
    architecture: Architecture = None,
    strip: Strip = None,
    split: Split = None,
    output: Output = None,
    project: ProjectFile = None,
    fresh: Fresh = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the same as JSON, for a program to read.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the archives' paths alone.")] = False,
) -> None:
    """Build layers, for any runtime and architecture, from what declares their packages.

    Without options it builds what lamina.toml or [tool.lamina] of pyproject.toml describes, else a layer from what
    this folder has. The same inputs give the same bytes on every machine. Python packages come as wheels, by uv, those
    of Node.js by npm, jars by Maven; each asks the registries that it is configured for. Ctrl-C leaves nothing behind.

    \b
    Examples:
      lamina build
      lamina build numbers --from requirements.txt --runtime python3.13
      lamina build numbers --from uv.lock --runtime python3.12 --architecture arm64
      lamina build tools --from my-folder --output dist
      lamina build numbers --strip tests,docs --split
    """
    from lamina.cli.build_telling import BuildProgress, note, show
    from lamina.cli.build_telling import as_json as told
    from lamina.workshop.building import builder
    from lamina.workshop.building.builds import Builds, place_all
    from lamina.workshop.building.tools import Tools

    chosen = wanted(
        names, source, project, output, runtimes=runtime, architectures=architecture, strip=strip, split=split
    )
    progress = BuildProgress(quiet=quiet or as_json)
    tools, builds = Tools(dict(os.environ), progress), Builds.of_the_user(os.environ)
    layers: list[dict[str, Any]] = []
    notes: list[str] = []
    for recipe in chosen:
        with ending_in_order(), progress.shown():
            built = builder.build(recipe, builds, tools, fresh=fresh)
        files = place_all(recipe.name, built.layers, recipe.output)
        for layer, file in zip(built.layers, files, strict=True):
            layers.append(told(built, layer, file))
            if quiet:
                print(os.path.relpath(file))
            elif not as_json:
                show(layer, file, cached=built.cached)
        notes += [f"{recipe.name}: {saying}" for saying in built.notes]
    if as_json:
        print(json.dumps({"layers": layers, "notes": notes}, indent=2))
        return
    for saying in notes:
        note(saying)
