"""The options that say which Lambda API a command talks to: the same for every command that talks to one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.settings import Settings

if TYPE_CHECKING:
    from lamina.workshop.endpoint import Endpoint

_ENDPOINT = "Address of the API, or aws for AWS itself.  [default: AWS_ENDPOINT_URL, else this machine's]"
_PROFILE = "Profile of the AWS configuration; without an address, also the API that it is for."
_REGION = "Region to ask.  [default: as configured for the aws command]"

EndpointUrl = Annotated[str | None, typer.Option("--endpoint", metavar="URL", help=_ENDPOINT)]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help=_PROFILE)]
Region = Annotated[str | None, typer.Option("--region", metavar="NAME", help=_REGION)]


def chosen(url: str | None, profile: str | None = None, region: str | None = None) -> Endpoint:
    """The endpoint that the command line, else the environment, else this machine's settings name."""
    from lamina.cli.serving import endpoint as address
    from lamina.workshop.endpoint import Endpoint

    settings = Settings.read(os.environ, root=os.geteuid() == 0)
    own = address(settings.host, settings.port, settings.scheme)
    return Endpoint.choose(url, os.environ, own, region=region, profile=profile, default_region=settings.region)
