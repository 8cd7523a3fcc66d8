"""What `lamina up` does: look at the machine while the server's code is read, then serve."""

from __future__ import annotations

import errno
import gc
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lamina.cli.failures import Failure
from lamina.cli.folding import folded
from lamina.settings import Settings

if TYPE_CHECKING:
    from lamina.sandbox.probe import Finding


def up(given: Mapping[str, str | None], quiet: bool) -> None:
    """Serve by the environment and what is *given* on the command line, by field; until SIGINT or SIGTERM."""
    # All that is made until the server is ready lives as long as it does: looking for garbage in it finds nothing.
    gc.disable()
    settings = Settings.read(os.environ, given, root=os.geteuid() == 0)
    import logging
    from concurrent.futures import ThreadPoolExecutor

    from lamina.sandbox import probe
    from lamina.server_log import begin as begin_log

    with ThreadPoolExecutor(1) as aside:
        # It waits for other programs while this one reads its own code.
        examined = aside.submit(probe.examine, settings.network)
        from lamina.serving import NotGuarded, StateTooNew, serve
        from lamina.state_folder import StateInUse

    said = notes(examined.result())
    if settings.log_format == "json":
        begin_log(settings.log_level, settings.log_format)
        for line in said:
            logging.getLogger("lamina.machine").warning("%s", line)
    else:
        for line in said:
            print(folded(line), file=sys.stderr)

    def ready(bound_port: int) -> None:
        gc.freeze()
        gc.enable()
        for line in readiness(settings, bound_port, quiet):
            print(line, flush=True)

    try:
        serve(settings, ready)
    except StateInUse as error:
        raise Failure(
            f"another server uses {settings.state_dir}" + (f" (process {error.pid})" if error.pid else ""),
            "Stop it, or keep this one's state elsewhere: lamina up --state DIR",
            Failure.STATE_IN_USE,
        ) from error
    except StateTooNew as error:
        raise Failure(str(error)) from error
    except NotGuarded as error:
        raise Failure(str(error), error.hint, Failure.USAGE) from error
    except OSError as error:
        raise explained(error, settings) from error


def readiness(settings: Settings, port: int, quiet: bool) -> list[str]:
    """What to print once the server answers on *port*: a line to read and a line to paste."""
    address = endpoint(settings.host, port, settings.scheme)
    export = f"export AWS_ENDPOINT_URL={address}"
    if quiet:
        return [export]
    from lamina import __version__

    return [f"Lamina {__version__} is ready at {address}, state in {settings.state_dir}", export]


def notes(findings: Sequence[Finding]) -> list[str]:
    """What to say of a machine that does not offer everything: never a silent downgrade."""
    lines = [
        f"{finding.state}: {finding.name}: {finding.says}. {finding.means}".rstrip()
        for finding in findings
        if finding.state != "ok"
    ]
    return [*lines, "`lamina doctor` tells how to get what is missing."] if lines else []


def endpoint(host: str, port: int, scheme: str = "http") -> str:
    """The address for a client on this machine of a server that listens on *host*."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{scheme}://[{reachable}]:{port}" if ":" in reachable else f"{scheme}://{reachable}:{port}"


def explained(error: OSError, settings: Settings) -> Failure:
    """What *error*, met while starting, means to whoever typed the command."""
    if error.errno == errno.EADDRINUSE:
        return Failure(
            f"port {settings.port} of {settings.host} is in use",
            f"See by whom: ss -ltnp 'sport = :{settings.port}'. Or take a free one: lamina up --port 0",
            Failure.PORT_IN_USE,
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and error.filename:
        return Failure(
            f"no right to use {error.filename}: {error.strerror}",
            "Keep the state in a folder of yours: lamina up --state DIR",
            Failure.NOT_POSSIBLE_HERE,
        )
    if error.errno == errno.EACCES:
        return Failure(
            f"no right to listen on port {settings.port}",
            "Ports below 1024 are root's; choose another: lamina up --port 4566",
            Failure.NOT_POSSIBLE_HERE,
        )
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error.__cause__ or error, socket.gaierror):
        return Failure(
            f"this machine has no address {settings.host!r}",
            "Listen on 127.0.0.1 (this machine only) or 0.0.0.0 (every interface).",
            Failure.NOT_POSSIBLE_HERE,
        )
    return Failure(f"the server could not start: {error}", "LAMINA_LOG_LEVEL=debug lamina up tells more.")
