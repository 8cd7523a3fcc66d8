"""`lamina shell`: a shell, or a runtime's interpreter, in the environment that a function would have."""

from __future__ import annotations

import os
from typing import Annotated, Final

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.told_server import told_server, waiting
from lamina.settings import Settings

_LAYER: Final = "A layer: a folder, a zip, an ARN or NAME:VERSION. Once for each, in the function's order."
_CODE: Final = "The function's code, for /var/task: a folder, a zip, or a function's name or ARN."
_COMMAND: Final = "A command for the shell, instead of what is typed."
_RUNTIME: Final = "The runtime, such as python3.12.  [default: the newest here that suits the layers]"
_MEMORY: Final = "The function's memory in MB."
_NETWORK: Final = "What it reaches: outbound, none or host.  [default: outbound]"
_MEMORY_MB: Final = 512
_NO_HANDLER: Final = "none.none"


def shell(
    layer: Annotated[list[str] | None, typer.Option("--layer", "-l", metavar="LAYER", help=_LAYER)] = None,
    code: Annotated[str | None, typer.Option("--code", metavar="CODE", help=_CODE)] = None,
    command: Annotated[str | None, typer.Option("--command", "-c", metavar="COMMAND", help=_COMMAND)] = None,
    repl: Annotated[bool, typer.Option("--repl", help="The runtime's interpreter instead of a shell.")] = False,
    runtime: Annotated[str | None, typer.Option(metavar="ID", help=_RUNTIME)] = None,
    memory: Annotated[int, typer.Option(metavar="MB", help=_MEMORY)] = _MEMORY_MB,
    network: Annotated[str | None, typer.Option(metavar="REACH", help=_NETWORK)] = None,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Look around where a function with these layers runs.

    The same sandbox, user, limits and variables; needs no server, and leaves nothing behind. Exits with the status of
    what ran.

    \b
    Examples:
      lamina shell --layer ./my-layer
      lamina shell --layer deps.zip --repl
      lamina shell --layer ./my-layer --command 'ls -l /opt'
    """
    if repl and command is not None:
        raise Failure("--repl and --command do not go together", code=Failure.USAGE)
    settings = Settings.read(os.environ, {"network": network}, root=os.geteuid() == 0)
    with told_server(settings) as (server, console):
        from lamina.workshop.downloads import Downloads
        from lamina.workshop.running import programs, terminals
        from lamina.workshop.running.local_api import LocalApi
        from lamina.workshop.running.session import FUNCTION, Session, Wanted

        wanted = Wanted(_NO_HANDLER, code, tuple(layer or ()), runtime, {}, memory)
        at = chosen(endpoint, profile, region)
        downloads = Downloads.of_the_user()
        session = Session(wanted, LocalApi(server.address), server.archives, at, downloads, server.runtimes())
        with waiting(console, "Preparing the environment"):
            session.put()
            obstacle = server.obstacle(session.runtime)
        if obstacle is not None:
            raise Failure(obstacle, code=Failure.NOT_POSSIBLE_HERE)
        argv = programs.repl(session.runtime) if repl else programs.SHELL
        if command is not None:
            argv = programs.command(command)
        variables = programs.variables(session.runtime, os.environ.get("TERM"))
        with (
            terminals.lent() as (streams, pass_on),
            server.visiting(FUNCTION, argv, variables, streams) as ended,
        ):
            pass_on(ended.done)
            status = ended.result()
    if status:
        raise typer.Exit(status)
