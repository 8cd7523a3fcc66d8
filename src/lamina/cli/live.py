"""`lamina live`: a folder served as a layer version, as it is at any moment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from lamina.cli.doors import server_door
from lamina.cli.failures import Failure
from lamina.cli.here import State
from lamina.settings import Settings

_FOLDER: Final = "The folder: what is in it is in /opt."
_LAYER: Final = "The layer's name."


def live(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help=_FOLDER)],
    layer: Annotated[str, typer.Option("--layer", metavar="NAME", help=_LAYER)],
    state: State = None,
) -> None:
    """Serve a folder as a layer version, to a running `lamina up`.

    Prints the version's ARN: attach it, and each invocation sees what is in the folder then. Nothing is published after
    a save, and nothing built. Lasts until Ctrl-C; of several folders, each has its command.

    \b
    Examples:
      lamina live ./shared --layer shared
      aws lambda update-function-configuration --function-name f --layers "$ARN"
    """
    settings = Settings.read(os.environ, {"state_dir": state}, root=os.geteuid() == 0)
    path = Path(folder).resolve()
    if not path.is_dir():
        raise Failure(f"{folder} is no folder", code=Failure.USAGE)
    asked = {"live": str(path), "layer": layer, "account": settings.account_id, "region": settings.region}
    with server_door(settings.state_dir, "live FOLDER --layer NAME") as door:
        print(door.ask(asked)["arn"], flush=True)
        print(
            f"{folder} is live. Ctrl-C ends it; the version is then what the folder has been at the start.",
            file=sys.stderr,
        )
        door.wait_closed()
    raise Failure("the server has stopped")
