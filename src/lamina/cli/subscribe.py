"""`lamina subscribe` and `lamina unsubscribe`: functions that follow a channel of a layer."""

from __future__ import annotations

from typing import Annotated

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.references import layer_named
from lamina.cli.registers import Channels, channel_named

_FUNCTIONS = "Functions' names or ARNs."
_CHANNEL = "The layer, by NAME or ARN, and the channel."


def subscribe(
    functions: Annotated[list[str], typer.Argument(metavar="FUNCTION", help=_FUNCTIONS)],
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
    from lamina.rollouts.consumers import LayerReference
    from lamina.workshop.subscriptions import Subscriptions

    at = chosen(endpoint, profile, region)
    version, _, name = channel_named(channel, channels, at)
    layer = LayerReference(version.layer.name, version.scope.account, version.scope.region)
    subscriptions = Subscriptions(at, at.client(region=version.scope.region))
    for function in functions:
        found = subscriptions.function(function)
        subscriptions.subscribe(found, layer, name)
        behind = [number for number in found.numbers(layer) if number != version.number]
        print(f"{found.name} follows {layer.name}@{name}, which is at version {version.number}", end="")
        print(f"; it is at {behind[0]}: `lamina rollout plan {channel}`" if behind else "")


def unsubscribe(
    functions: Annotated[list[str], typer.Argument(metavar="FUNCTION", help=_FUNCTIONS)],
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
