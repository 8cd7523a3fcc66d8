"""`lamina subscribe` and `lamina unsubscribe`: functions that follow a channel of a layer."""

from __future__ import annotations

from typing import Annotated

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.references import layer_named
from lamina.cli.registers import Channels, register

_FUNCTIONS = "Functions' names or ARNs."
_CHANNEL = "The layer, by NAME or ARN, and the channel."


def subscribe(
    functions: Annotated[list[str], typer.Argument(metavar="FUNCTION...", help=_FUNCTIONS)],
    channel: Annotated[str, typer.Argument(metavar="LAYER@CHANNEL", help=_CHANNEL)],
    channels: Channels = None,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Let functions follow a channel of a layer: when it moves, a roll-out takes them along.

    Changes no function's layers. Each function must have some version of the layer attached. What is kept is a tag of
    the function, lamina:channel:LAYER.

    \b
    Examples:
      lamina subscribe shop my-layer@stable
      lamina subscribe shop cart search my-layer@next
    """
    from lamina.rollouts.channels import BadChannel, parse_subscription, tag_key
    from lamina.workshop.subscriptions import Subscriptions

    try:
        layer, name = parse_subscription(channel)
        tag_key(layer.name)
    except BadChannel as error:
        raise Failure(str(error), code=Failure.USAGE) from error
    at = chosen(endpoint, profile, region or layer.region)
    client = at.client()
    there = register(channels, at, client.meta.region_name)
    points_at = {each.name: each.version for each in there.channels() if layer.is_layer(each.layer)}
    if name not in points_at:
        known = f"There are {', '.join(sorted(points_at))}. " if points_at else ""
        hint = f"{known}`lamina channel set {layer.name} {name}=VERSION` makes one."
        raise Failure(f"{layer.name} has no channel {name} in {there.where}", hint)
    subscriptions = Subscriptions(at, client)
    for function in functions:
        found = subscriptions.function(function)
        subscriptions.subscribe(found, layer, name)
        behind = [number for number in found.numbers(layer) if number != points_at[name].number]
        print(f"{found.name} follows {layer.name}@{name}, which is at version {points_at[name].number}", end="")
        print(f"; it is at {behind[0]}" if behind else "")


def unsubscribe(
    functions: Annotated[list[str], typer.Argument(metavar="FUNCTION...", help=_FUNCTIONS)],
    layer: Annotated[str, typer.Argument(metavar="LAYER", help="The layer, by NAME or ARN.")],
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Let functions follow no channel of a layer any more. Their layers stay as they are.

    \b
    Examples:
      lamina unsubscribe shop my-layer
    """
    from lamina.rollouts.channels import followed
    from lamina.workshop.subscriptions import Subscriptions

    named = layer_named(layer)
    at = chosen(endpoint, profile, region or named.region)
    subscriptions = Subscriptions(at, at.client())
    for function in functions:
        found = subscriptions.function(function)
        before = followed(found, named.name)
        subscriptions.unsubscribe(found, named)
        if before is None:
            print(f"{found.name} followed no channel of {named.name}")
        else:
            print(f"{found.name} follows {named.name}@{before} no more")
