"""`lamina rollout watch`: who is not at the version of a layer where he should be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.consumers import Profiles, Regions, reading
from lamina.cli.endpoints import EndpointUrl, chosen
from lamina.cli.failures import Failure
from lamina.cli.references import layer_named, words
from lamina.cli.registers import register

if TYPE_CHECKING:
    from lamina.rollouts.channels import Channel
    from lamina.rollouts.drift import Drift
    from lamina.workshop.endpoint import Endpoint

_LAYER = "The layer, by NAME or ARN; with :VERSION, those who are not at this version."
_CHANNELS = "Hold those who follow a channel to it: a file, or ssm for parameters of SSM."
_MARKDOWN = "Write the report as Markdown to this file; - for standard output."


def watch(
    layer: Annotated[str, typer.Argument(metavar="LAYER", help=_LAYER)],
    channels: Annotated[str | None, typer.Option("--channels", metavar="WHERE", help=_CHANNELS)] = None,
    markdown: Annotated[str | None, typer.Option("--markdown", metavar="FILE", help=_MARKDOWN)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False,
    endpoint: EndpointUrl = None,
    profile: Profiles = None,
    region: Regions = None,
) -> None:
    """Tell who is not at the newest version of a layer; exits with 8 if anybody is not.

    What counts is $LATEST of each function, and those published versions that an alias leads to. Nothing is changed.

    \b
    Examples:
      lamina rollout watch my-layer
      lamina rollout watch my-layer --channels lamina-channels.toml --markdown report.md
      lamina rollout watch my-layer:12 --region eu-central-1,us-east-1
    """
    from lamina.rollouts.consumers import consumers
    from lamina.rollouts.drift import look
    from lamina.rollouts.drift import markdown as printed
    from lamina.workshop.consuming import Reading, places, read_consumers
    from lamina.workshop.layer_versions import newest_numbers

    if as_json and markdown == "-":
        raise Failure("--json and --markdown - both print", "Write one of them to a file.", Failure.USAGE)
    named = layer_named(layer)
    profiles, regions = words(profile), words(region)
    at = chosen(endpoint, next(iter(profiles), None))
    where = places(at, profiles, regions or ([named.region] if named.region else []))
    whole = replace(named, versions=frozenset())
    with reading() as told:
        seen = consumers(whole, read_consumers(where, Reading(whole, tags=channels is not None), told))
        layers = {arn.layer for consumer in seen for arn in consumer.attached(whole)}
        due = {each: min(named.versions) for each in layers} if named.versions else newest_numbers(where, layers)
    drift = look(whole, seen, due, [] if channels is None else _channels(channels, where))
    if markdown is not None:
        _write(markdown, printed(f"Layer {layer}", drift))
    if as_json:
        print(json.dumps(_as_json(drift), indent=2))
    elif markdown != "-":
        _print(drift)
    if drift.drifted:
        raise typer.Exit(Failure.DIFFERENT)
    if drift.untold:
        # What nobody knows is not well.
        raise typer.Exit(Failure.FAILED)


def _channels(where: str, places: Sequence[Endpoint]) -> list[Channel]:
    """The channels of all *places*; a file tells of each region once, whatever the account."""
    found: dict[Channel, None] = {}
    for place in places:
        region = place.client().meta.region_name
        found |= dict.fromkeys(register(where, place, region).channels())
    return list(found)


def _write(file: str, page: str) -> None:
    if file == "-":
        print(page, end="")
        return
    try:
        Path(file).write_text(page)
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror}") from error


def _as_json(drift: Drift) -> dict[str, Any]:
    return {
        "consumers": drift.consumers,
        "drifted": [
            {
                "function": each.function,
                "version": each.qualifier,
                "aliases": each.aliases,
                "layer_version": str(each.at),
                "at": each.at.number,
                "due": each.due,
                "follows": each.follows,
            }
            for each in drift.drifted
        ],
        "untold": [str(layer) for layer in drift.untold],
    }


def _print(drift: Drift) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from lamina.cli.tables import print_table
    from lamina.names import parse_function_name
    from lamina.rollouts.drift import due, qualified, summary

    console = Console(highlight=False, soft_wrap=True)
    if drift.drifted:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("function", "version", "at", "should be at", "account", "region"):
            table.add_column(name, no_wrap=True)
        for each in drift.drifted:
            function = parse_function_name(each.function)
            words = (function.name, qualified(each), str(each.at.number), due(each), function.account, function.region)
            table.add_row(*(escape(word or "") for word in words))
        print_table(console, table)
    for layer in drift.untold:
        console.print(
            f"[yellow]unknown[/] where consumers of {escape(str(layer))} should be: its versions are not listed"
        )
    console.print(f"[{'red' if drift.drifted else 'green'}]{summary(drift)}[/]")
