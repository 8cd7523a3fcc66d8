"""`lamina sbom`: what layers hold of others' software, for whoever has to account for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.loading import downloads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lamina.workshop.artifacts import Artifact

_LAYERS = "Zip files, folders, ARNs, NAME or NAME:VERSION, in the order in which a function lists them."
_FUNCTION = "Its code: a zip, a folder, or a function's name or ARN, whose own layers count if none is named."
_TIMESTAMP = "Also say when the bill was made; without it, the same layers give the same bytes."


def sbom(
    layers: Annotated[list[str] | None, typer.Argument(metavar="[LAYER]...", help=_LAYERS)] = None,
    function: Annotated[str | None, typer.Option(metavar="CODE", help=_FUNCTION)] = None,
    licences: Annotated[
        bool, typer.Option("--licences", help="Print the packages by licence, as a table, instead.")
    ] = False,
    timestamp: Annotated[bool, typer.Option("--timestamp", help=_TIMESTAMP)] = False,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Print a bill of materials of layers and code: CycloneDX 1.6, as JSON.

    Python's distributions, Node.js packages, jars with what was shaded into them, and gems, by their own records: with
    package URLs, licences as declared, where each lies, and which needs which.

    \b
    Examples:
      lamina sbom layer.zip > sbom.json
      lamina sbom --function my-function
      lamina sbom base.zip mine.zip --licences
    """
    from lamina.workshop.artifacts import Role
    from lamina.workshop.sources import load

    if not layers and function is None:
        raise Failure("there is nothing to account for", "Name a layer, or --function CODE.", Failure.USAGE)
    with downloads() as store:
        at = chosen(endpoint, profile, region)
        code = None if function is None else load(function, at, Role.FUNCTION, store)
        sources = layers or (code.layers if code is not None else ())
        artifacts = [load(source, at, Role.LAYER, store) for source in sources]
        artifacts += [] if code is None else [code]
        printed = _table(artifacts) if licences else _bill(artifacts, timestamp)
    print("\n".join(printed))


def _bill(artifacts: Sequence[Artifact], timestamp: bool) -> list[str]:
    from datetime import UTC, datetime

    from lamina import __version__
    from lamina.workshop.inventory.cyclonedx import document

    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if timestamp else None
    return [json.dumps(document(artifacts, __version__, now), indent=2)]


def _table(artifacts: Sequence[Artifact]) -> list[str]:
    """A licence a line with its packages; on a terminal they go on below one another."""
    import shutil
    import sys
    import textwrap

    from lamina.cli.visible import visible
    from lamina.workshop.inventory.licence_list import by_licence

    rows = [(visible(text) or "(none declared)", visible(", ".join(names))) for text, names in by_licence(artifacts)]
    if not rows:
        return ["no package has left a record of itself"]
    column = min(max(len(text) for text, _ in rows), 32) + 2
    if not sys.stdout.isatty():
        return [f"{text:<{column - 2}}  {names}" for text, names in rows]
    width = max(shutil.get_terminal_size().columns - column, 20)
    lines = []
    for text, names in rows:
        # A version stays beside its name.
        tied = names.replace(" ", "\0").replace(",\0", ", ")
        parts = textwrap.wrap(tied, width, break_long_words=False, break_on_hyphens=False)
        starts = [f"{text:<{column - 2}}  ", *(" " * column for _ in parts[1:])]
        lines += [start + part.replace("\0", " ") for start, part in zip(starts, parts, strict=True)]
    return lines
