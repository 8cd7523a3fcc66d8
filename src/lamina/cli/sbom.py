"""`lamina sbom`: what layers hold of others' software, for whoever has to account for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.loading import attached, downloads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lamina.workshop.artifacts import Artifact

_LAYERS = "Zip files, folders, ARNs, NAME or NAME:VERSION, in the order in which a function lists them."
_FUNCTION = "Its code: a zip, a folder, or a function's name or ARN, whose own layers count if none is named."
_TIMESTAMP = "Also say when the bill was made; without it, the same layers give the same bytes."


def sbom(
    layers: Annotated[list[str] | None, typer.Argument(metavar="LAYER", help=_LAYERS)] = None,
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
    from lamina.cli.licence_table import licence_lines

    if not layers and function is None:
        raise Failure("there is nothing to account for", "Name a layer, or --function CODE.", Failure.USAGE)
    with downloads() as store:
        artifacts = attached(layers, function, chosen(endpoint, profile, region), store)
        printed = licence_lines(artifacts) if licences else _bill(artifacts, timestamp)
    print("\n".join(printed))


def _bill(artifacts: Sequence[Artifact], timestamp: bool) -> list[str]:
    from datetime import UTC, datetime

    from lamina import __version__
    from lamina.workshop.inventory.cyclonedx import document

    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if timestamp else None
    return [json.dumps(document(artifacts, __version__, now), indent=2)]
