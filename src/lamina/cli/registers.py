"""Where a command keeps channels: as it was told, else in the project's file of them, else in SSM."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
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
