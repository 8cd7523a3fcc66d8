"""Where a command keeps channels: as it was told, else in the project's file of them, else in SSM."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lamina.cli.failures import Failure

if TYPE_CHECKING:
    from lamina.names import LayerVersionArn
    from lamina.workshop.channels import Register
    from lamina.workshop.endpoint import Endpoint

_SSM: Final = "ssm"
_WHERE: Final = "A file, or ssm for parameters of SSM.  [default: lamina-channels.toml here or above, else ssm]"

Channels = Annotated[str | None, typer.Option("--channels", metavar="WHERE", help=_WHERE)]


def register(where: str | None, at: Endpoint, region: str) -> Register:
    """The register of channels in *region* that the option *where* means, SSM's being that of the endpoint *at*."""
    from lamina.workshop.channels import ChannelsFile, Parameters, find
    from lamina.workshop.endpoint import beside

    if where not in (None, _SSM):
        return ChannelsFile(Path(where), region)
    found = None if where == _SSM else find(Path.cwd())
    return ChannelsFile(found, region) if found is not None else Parameters(beside(at, "SSM", os.environ), region)


def channel_named(text: str, where: str | None, at: Endpoint) -> tuple[LayerVersionArn, str, str]:
    """Where the channel that *text*, LAYER@CHANNEL, names points; and the tag, its key and value, of who follows it.

    *where* is the option that says where channels are kept. Raises Failure, or a WorkshopError.
    """
    from lamina.rollouts.channels import BadChannel, parse_subscription, tag_key

    try:
        layer, name = parse_subscription(text)
        key = tag_key(layer.name)
    except BadChannel as error:
        raise Failure(str(error), code=Failure.USAGE) from error
    there = register(where, at, at.client(region=layer.region).meta.region_name)
    points_at = {each.name: each.version for each in there.channels() if layer.is_layer(each.layer)}
    if name not in points_at:
        known = f"There are {', '.join(sorted(points_at))}. " if points_at else ""
        hint = f"{known}`lamina channel set {layer.name} {name}=VERSION` makes one."
        raise Failure(f"{layer.name} has no channel {name} in {there.where}", hint)
    return points_at[name], key, name
