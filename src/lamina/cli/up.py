"""`lamina up`: the server, in the foreground, until it is told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from lamina.cli import serving

_HOST = "Address to listen on.  [default: 127.0.0.1]"
_PORT = "Port to listen on; 0 picks a free one.  [default: 4566]"
_STATE = "Folder that everything is kept in.  [default: /var/lib/lamina for root, else ~/.local/state/lamina]"
_ACCOUNTS = "File of the accounts that may call.  [default: accounts.json in the state folder, if it is there]"
_CERTIFICATE = "Certificate, with its chain, in PEM: the server speaks TLS then.  [default: none]"
_KEY = "The certificate's private key, in PEM.  [default: none]"
_PROXY = "Addresses of proxies whose X-Forwarded headers are believed, such as 10.0.0.0/8.  [default: none]"
_PRELOAD = "Python modules of layers to import ahead of demand, such as pandas,numpy.  [default: none]"
_NETWORK = "What functions reach: outbound, none or host.  [default: outbound]"


# A plain command line never comes here: `lamina.cli.plain` reads it.
def up(
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help=_HOST)] = None,
    port: Annotated[str | None, typer.Option(metavar="PORT", help=_PORT)] = None,
    state: Annotated[str | None, typer.Option(metavar="DIR", help=_STATE)] = None,
    preload: Annotated[str | None, typer.Option(metavar="MODULES", help=_PRELOAD)] = None,
    network: Annotated[str | None, typer.Option(metavar="REACH", help=_NETWORK)] = None,
    accounts: Annotated[str | None, typer.Option(metavar="FILE", help=_ACCOUNTS)] = None,
    tls_cert: Annotated[str | None, typer.Option(metavar="FILE", help=_CERTIFICATE)] = None,
    tls_key: Annotated[str | None, typer.Option(metavar="FILE", help=_KEY)] = None,
    trusted_proxy: Annotated[str | None, typer.Option(metavar="NETWORKS", help=_PROXY)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the export line only.")] = False,
) -> None:
    """Serve the Lambda API on this machine.

    Runs until Ctrl-C or SIGTERM, and leaves no process, mount or cgroup behind. What it was told is kept in the state
    folder, so the next start goes on where this one ended. docs/SETTINGS.md lists the variables it reads.

    \b
    Examples:
      lamina up
      lamina up --port 0 --state /tmp/lamina
      lamina up --preload pandas,numpy
      LAMINA_LOG_LEVEL=debug lamina up
    """
    given = {
        "host": host,
        "port": port,
        "state_dir": state,
        "network": network,
        "preload": preload,
        "accounts": accounts,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "trusted_proxies": trusted_proxy,
    }
    serving.up(given, quiet)
