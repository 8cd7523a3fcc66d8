"""`lamina live`: a folder served as a layer version, as it is at any moment."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from lamina.cli.failures import Failure
from lamina.cli.here import State
from lamina.settings import Settings

_FOLDER: Final = "The folder: what is in it is in /opt."
_LAYER: Final = "The layer's name."
_SOCKET: Final = "control.sock"


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
    with _connected(settings.state_dir) as connection, connection.makefile("rb") as answers:
        connection.sendall(json.dumps(asked).encode() + b"\n")
        answer = json.loads(answers.readline() or b'{"error": "the server ended before it answered"}')
        if "error" in answer:
            raise Failure(answer["error"])
        print(answer["arn"], flush=True)
        print(
            f"{folder} is live. Ctrl-C ends it; the version is then what the folder has been at the start.",
            file=sys.stderr,
        )
        answers.read()
    raise Failure("the server has stopped")


def _connected(state: Path) -> socket.socket:
    """A connection to the server that keeps its state in *state*."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # The address of a Unix socket holds about a hundred characters, a path many more.
            connection.connect(f"/proc/self/fd/{folder}/{_SOCKET}")
        finally:
            os.close(folder)
    except OSError as error:
        connection.close()
        raise Failure(
            f"no server that you may use keeps its state in {state}: {error.strerror}",
            "Start one with `lamina up`, or name its folder: lamina live FOLDER --layer NAME --state DIR",
        ) from error
    return connection
