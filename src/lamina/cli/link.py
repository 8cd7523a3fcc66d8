"""`lamina link`: layers made visible to the editor, type checker and test runner of a project."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure

if TYPE_CHECKING:
    from lamina.workshop.endpoint import Endpoint
    from lamina.workshop.linking.plans import Layer, Plan
    from lamina.workshop.linking.projects import Links

_LAYER: Final = "A layer: a folder, a zip, an ARN or NAME:VERSION. Once for each, in the function's order."
_PROJECT: Final = "The project's folder."
_PRINT: Final = "Print the layers' Java archives for a classpath, maven or gradle, and link nothing."
_FORMS: Final = ("classpath", "maven", "gradle")


def link(
    layer: Annotated[list[str] | None, typer.Option("--layer", "-l", metavar="LAYER", help=_LAYER)] = None,
    project: Annotated[str, typer.Option(metavar="DIR", help=_PROJECT)] = ".",
    undo: Annotated[bool, typer.Option("--undo", help="Take away what was linked.")] = False,
    form: Annotated[str | None, typer.Option("--print", metavar="FORM", help=_PRINT)] = None,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Make layers visible to the tools of a project.

    Python finds them through the project's virtual environment (the active one, .venv or venv), Node.js in its
    node_modules. Layers that are folders are seen as they are at any moment. Linking again replaces what was linked.

    \b
    Examples:
      lamina link --layer ./shared --layer deps.zip
      lamina link --undo
      eval "$(lamina link --layer ./jars --print classpath)"
    """
    from lamina.workshop.linking import plans
    from lamina.workshop.linking.projects import Links

    if undo == bool(layer):
        raise Failure("name layers with --layer, or say --undo", code=Failure.USAGE)
    if form not in (None, *_FORMS):
        raise Failure(f"--print {form} is none of {', '.join(_FORMS)}", code=Failure.USAGE)
    folder = Path(project).resolve()
    links = Links.of(folder, os.environ)
    if undo:
        gone = links.undo()
        print(f"{gone} links are gone." if gone else f"nothing was linked into {folder}")
        return
    if form is None:
        links.undo()
    layers = _layers(layer or [], links, chosen(endpoint, profile, region))
    if form is not None:
        print(plans.describe_jars(plans.jars(layers), form))
        return
    made = links.make(_plans(layers, folder))
    for path in made:
        print(path)
    if plans.jars(layers):
        print("Java's archives are not linked: --print classpath, maven or gradle tells how to name them.")
    elif not made:
        raise Failure(
            "these layers hold nothing that a project could see",
            "Python is looked for in python/, Node.js in nodejs/node_modules/, Java in java/lib/.",
        )


def _layers(sources: list[str], links: Links, at: Endpoint) -> list[Layer]:
    from lamina.workshop.downloads import Downloads
    from lamina.workshop.linking.plans import Layer
    from lamina.workshop.sources import load

    loaded = [(source, load(source, at, downloads=Downloads.of_the_user())) for source in sources]
    return [
        Layer(Path(source).resolve() if held.digest is None else links.unpack(held), held.entries)
        for source, held in loaded
    ]


def _plans(layers: list[Layer], project: Path) -> list[Plan]:
    from lamina.workshop.linking import plans
    from lamina.workshop.linking.projects import environment_of

    found = []
    if any(layer.is_folder("python") for layer in layers):
        environment = environment_of(project, os.environ)
        if environment is None:
            raise Failure(
                f"{project} has no virtual environment to link Python's layers into",
                "Make one with `python3 -m venv .venv`, or activate yours first.",
            )
        taken = {path.name for path in environment.packages.iterdir()}
        found.append(plans.plan_python(layers, environment, taken))
    modules = project / "node_modules"
    present = [path for pattern in ("*", "@*/*") for path in modules.glob(pattern)]
    found.append(plans.plan_node(layers, modules, {str(path.relative_to(modules)) for path in present}))
    return found
