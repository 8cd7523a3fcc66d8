"""`lamina channel`: names that point at versions of layers, and the roll-outs that follow when they move."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.references import layer_named
from lamina.cli.registers import Channels, register

if TYPE_CHECKING:
    from lamina.names import LayerVersionArn
    from lamina.workshop.endpoint import Endpoint

channel = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_LAYER = "The layer, by NAME or ARN."
_ASSIGNMENTS = "Where channels are to point, such as stable=7."
_JSON = "Print the same as JSON."


@channel.callback()
def about() -> None:
    """Keep names such as stable, each of which points at a version of a layer.

    Functions follow them (lamina subscribe), and roll-outs take those along (lamina rollout plan LAYER@NAME).

    \b
    Examples:
      lamina channel set my-layer stable=7 next=9
      lamina channel list
    """


@channel.command("set")
def put(
    layer: Annotated[str, typer.Argument(metavar="LAYER", help=_LAYER)],
    assignments: Annotated[list[str], typer.Argument(metavar="NAME=VERSION", help=_ASSIGNMENTS)],
    channels: Channels = None,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Point channels of a layer at versions, which must exist.

    No function changes by that: `lamina rollout plan LAYER@NAME` prepares the roll-out to those that follow.

    \b
    Examples:
      lamina channel set my-layer stable=7 next=9
      lamina channel set my-layer stable=8 --channels lamina-channels.toml
    """
    from lamina.rollouts.channels import BadChannel, Channel, parse_assignments, plan_moves

    at = chosen(endpoint, profile, region or layer_named(layer).region)
    client = at.client()
    there = register(channels, at, client.meta.region_name)
    try:
        wanted = parse_assignments(assignments)
        # All looked at before any is moved.
        versions = [_existing(at, client, layer, number) for number in sorted(set(wanted.values()))]
        moves = plan_moves(there.channels(), versions[0].layer, wanted)
    except BadChannel as error:
        raise Failure(str(error), code=Failure.USAGE) from error
    there.put([Channel(move.name, move.after) for move in moves if not move.is_empty])
    if as_json:
        told = [
            {"name": move.name, "before": None if move.before is None else str(move.before), "after": str(move.after)}
            for move in moves
        ]
        print(json.dumps({"where": there.where, "moves": told}, indent=2))
        return
    for move in moves:
        name = f"{move.after.layer.name}@{move.name}"
        if move.is_empty:
            print(f"{name} is at version {move.after.number} already, in {there.where}")
        elif move.before is None:
            print(f"{name} is at version {move.after.number}, in {there.where}")
        else:
            print(f"{name} goes from version {move.before.number} to {move.after.number}, in {there.where}")
            print(f"  `lamina rollout plan {name}` prepares the roll-out to those who follow it")


@channel.command("list")
def show(
    layer: Annotated[str | None, typer.Argument(metavar="LAYER", help=_LAYER)] = None,
    channels: Channels = None,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """List the channels of a layer, or of all.

    \b
    Examples:
      lamina channel list
      lamina channel list my-layer --json
    """
    from lamina.rollouts.channels import of_layer

    named = None if layer is None else layer_named(layer)
    at = chosen(endpoint, profile, region or (named.region if named is not None else None))
    there = register(channels, at, at.client().meta.region_name)
    found = of_layer(there.channels(), named)
    if as_json:
        told = [
            {
                "layer": str(each.layer),
                "name": each.name,
                "version": each.version.number,
                "layer_version": str(each.version),
            }
            for each in found
        ]
        print(json.dumps({"where": there.where, "channels": told}, indent=2))
        return
    if not found:
        print(f"there are no channels{f' of {layer}' if layer else ''} in {there.where}")
    width = max((len(f"{each.layer.name}@{each.name}") for each in found), default=0)
    for each in found:
        print(f"{f'{each.layer.name}@{each.name}':<{width}}  {each.version}")


@channel.command("delete")
def delete(
    layer: Annotated[str, typer.Argument(metavar="LAYER", help=_LAYER)],
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="The channels.")],
    channels: Channels = None,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Forget channels of a layer. Functions keep their layers, and the tags by which they follow.

    \b
    Examples:
      lamina channel delete my-layer next
    """
    from lamina.rollouts.channels import of_layer

    named = layer_named(layer)
    at = chosen(endpoint, profile, region or named.region)
    there = register(channels, at, at.client().meta.region_name)
    found = of_layer(there.channels(), named)
    if missing := [name for name in names if name not in {each.name for each in found}]:
        raise Failure(f"{named.name} has no channel {', '.join(missing)} in {there.where}")
    there.delete([each for each in found if each.name in names])
    for name in names:
        print(f"{named.name}@{name} is gone from {there.where}")


def _existing(at: Endpoint, client: Any, layer: str, number: int) -> LayerVersionArn:
    """The version *number* of *layer*, as the endpoint names it. Raises Failure or EndpointError."""
    from lamina.names import LayerVersionArn

    with at.asking():
        try:
            answer = client.get_layer_version(LayerName=layer, VersionNumber=number)
        except client.exceptions.ResourceNotFoundException:
            raise Failure(f"there is no version {number} of {layer} at {client.meta.endpoint_url}") from None
    return LayerVersionArn.parse(answer["LayerVersionArn"])
