"""`lamina run`: a handler and its layers, once, with no server to start and nothing left."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from lamina.cli.endpoints import EndpointUrl, Profile, Region, chosen
from lamina.cli.failures import Failure
from lamina.cli.told_server import tell, told_server, waiting
from lamina.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from lamina.throw_away import ThrowAway
    from lamina.workshop.running.session import Session
    from lamina.workshop.running.watching import State

_LAYER: Final = "A layer: a folder, a zip, an ARN or NAME:VERSION. Once for each, in the function's order."
_CODE: Final = "The function's code: a folder, a zip, or a function's name or ARN."
_EVENT: Final = "The event: a file, JSON itself, or - for standard input.  [default: {}]"
_RUNTIME: Final = "The runtime, such as python3.12.  [default: the newest here that suits the handler]"
_ENV: Final = "An environment variable of the function's. Once for each."
_MEMORY: Final = "The function's memory in MB.  [default: AWS's, 128]"
_TIMEOUT: Final = "Its time limit in seconds.  [default: AWS's, 3]"
_NETWORK: Final = "What it reaches: outbound, none or host.  [default: outbound]"
_DEBUG: Final = "Wait for a debugger on this port (debugpy, or Node.js's inspector); 0 picks a free one."


def run(
    handler: Annotated[str, typer.Argument(metavar="HANDLER", help="The handler, such as app.handler.")],
    layer: Annotated[list[str] | None, typer.Option("--layer", "-l", metavar="LAYER", help=_LAYER)] = None,
    event: Annotated[str, typer.Option("--event", "-e", metavar="EVENT", help=_EVENT)] = "",
    code: Annotated[str, typer.Option("--code", "-c", metavar="CODE", help=_CODE)] = ".",
    runtime: Annotated[str | None, typer.Option(metavar="ID", help=_RUNTIME)] = None,
    env: Annotated[list[str] | None, typer.Option("--env", metavar="NAME=VALUE", help=_ENV)] = None,
    memory: Annotated[int | None, typer.Option(metavar="MB", help=_MEMORY)] = None,
    timeout: Annotated[int | None, typer.Option(metavar="SECONDS", help=_TIMEOUT)] = None,
    network: Annotated[str | None, typer.Option(metavar="REACH", help=_NETWORK)] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Run again whenever the files change.")] = False,
    debug: Annotated[int | None, typer.Option(metavar="PORT", min=0, max=65535, help=_DEBUG)] = None,
    endpoint: EndpointUrl = None,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Run a handler with layers once, in a real sandbox.

    Needs no server, and leaves nothing behind. The answer goes to standard output, the log to standard error. Exits
    with 1 if the function fails.

    \b
    Examples:
      lamina run app.handler --layer ./my-layer --event event.json
      lamina run app.handler -l deps.zip -l ./shared -e '{"id": 7}' --watch
      lamina run app.handler --layer ./my-layer --debug 5678
    """
    if watch and debug is not None:
        raise Failure("--watch and --debug do not go together", "A debugger follows one run.", Failure.USAGE)
    sent = _event(event)
    variables = _variables(env or ())
    settings = Settings.read(os.environ, {"network": network}, root=os.geteuid() == 0)
    from lamina.workshop.running.forwarding import free_port
    from lamina.workshop.running.session import Wanted

    wanted = Wanted(
        handler, code, tuple(layer or ()), runtime, variables, memory, timeout, None if debug is None else free_port()
    )
    with told_server(settings, patient=debug is not None) as (server, console):
        from lamina.workshop.downloads import Downloads
        from lamina.workshop.running.local_api import LocalApi
        from lamina.workshop.running.session import Session
        from lamina.workshop.running.watching import look

        at = chosen(endpoint, profile, region)
        downloads = Downloads.of_the_user()
        session = Session(wanted, LocalApi(server.address), server.archives, at, downloads, server.runtimes())
        before = look(wanted.watched)
        with waiting(console, "Preparing the function"):
            session.put()
            obstacle = server.obstacle(session.runtime)
        if obstacle is not None:
            raise Failure(obstacle, code=Failure.NOT_POSSIBLE_HERE)
        if debug is not None:
            with _debugger(debug, server, session, console):
                failed = _invoke(session, sent)
        else:
            failed = _invoke(session, sent)
        if watch:
            _run_again(session, sent, before, console)
    if failed:
        raise typer.Exit(Failure.FAILED)


def _invoke(session: Session, event: bytes) -> bool:
    """Run it and print what it answers; whether it failed."""
    answered = session.invoke(event)
    sys.stdout.buffer.write(answered.payload + b"\n")
    sys.stdout.flush()
    return answered.function_error is not None


def _run_again(session: Session, event: bytes, state: State, console: Console) -> NoReturn:
    """Run it whenever its files have changed since they were in *state*, until Ctrl-C."""
    from lamina.workshop.errors import WorkshopError
    from lamina.workshop.running.watching import wait_changed

    watched = session.wanted.watched
    tell(console, "Waiting for files to change; Ctrl-C ends it.")
    while True:
        changed, state = wait_changed(watched, state)
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        tell(console, f"{os.path.relpath(changed[-1])}{more} changed")
        try:
            session.bring_up_to_date()
            _invoke(session, event)
        except WorkshopError as error:
            # Half of a change, most likely: the next one mends it.
            tell(console, f"not run: {error}")


@contextlib.contextmanager
def _debugger(port: int, server: ThrowAway, session: Session, console: Console) -> Iterator[None]:
    """Wait until a debugger connects to *port*, and lead it inside for as long as the `with` lasts."""
    from lamina.workshop.running.forwarding import Forwarder
    from lamina.workshop.running.session import FUNCTION

    inside = session.wanted.debug_port
    assert inside is not None, "the session was made to be debugged"
    try:
        forwarder = Forwarder(port, lambda: server.connect(FUNCTION, inside))
    except OSError as error:
        raise Failure(
            f"port {port} cannot be had: {error.strerror}", "--debug 0 picks a free one.", Failure.PORT_IN_USE
        ) from error
    try:
        tell(console, f"Waiting for a debugger at 127.0.0.1:{forwarder.port}")
        for remote, local in session.wanted.mappings:
            tell(console, f"  {remote} is {local}")
        forwarder.connected.wait()
        yield
    finally:
        forwarder.close()


def _event(given: str) -> bytes:
    """The event that the user means."""
    if not given:
        return b"{}"
    try:
        text = sys.stdin.buffer.read() if given == "-" else _inline(given) or Path(given).read_bytes()
    except OSError as error:
        raise Failure(f"the event {given} cannot be read: {error.strerror}", code=Failure.USAGE) from error
    try:
        json.loads(text)
    except ValueError as error:
        raise Failure(f"the event is no JSON: {error}", code=Failure.USAGE) from error
    return text


def _inline(given: str) -> bytes | None:
    return given.encode() if given.lstrip()[:1] in ("{", "[", '"') else None


def _variables(given: Sequence[str]) -> dict[str, str]:
    named = [text.partition("=") for text in given]
    for name, sign, _ in named:
        if not sign or not name:
            raise Failure(f"--env {name!r} is no NAME=VALUE", code=Failure.USAGE)
    return {name: value for name, _, value in named}
