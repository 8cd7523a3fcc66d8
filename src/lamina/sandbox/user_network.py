"""What an ordinary user's functions are let out by: pasta or slirp4netns, which need no rights."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from lamina.sandbox.host_network import switches_why_not
from lamina.sandbox.network import WAY_OUT

# Best first.
_HELPERS: Final = ("pasta", "slirp4netns")
_MINDED: Final = '"$@" & read -r _; kill "$!"; wait'
_TUNNELS: Final = "/dev/net/tun"


def find_helper() -> Path | str:
    """The program, or why there is none."""
    if (why := switches_why_not()) is not None:
        return why
    found = next((path for name in _HELPERS if (path := shutil.which(name))), None)
    if found is None:
        return "neither pasta nor slirp4netns is installed"
    if not os.access(_TUNNELS, os.R_OK | os.W_OK):
        return f"this user may not open {_TUNNELS}"
    return Path(found)


def command(helper: Path, pid: int, ready: int) -> list[str]:
    """Gives the network namespace of process *pid* its uplink, and writes to *ready* when it is there.

    Nothing leads in by it, and nothing to this machine's loopback. It ends when its standard input does: pasta would
    outlive a server that is killed, and would keep the namespaces it is for.
    """
    return ["/bin/sh", "-c", _MINDED, "sh", *_command(helper, pid, ready)]


def _command(helper: Path, pid: int, ready: int) -> list[str]:
    if helper.name == "pasta":
        closed = [part for option in ("-t", "-u", "-T", "-U") for part in (option, "none")]
        told = ["--foreground", "--quiet", "--config-net", "--ipv4-only", "--no-map-gw", "--ns-ifname", WAY_OUT]
        return [str(helper), *told, *closed, "--pid", f"/dev/fd/{ready}", str(pid)]
    told = ["--configure", "--disable-host-loopback", "--disable-dns", "--mtu=65520", f"--ready-fd={ready}"]
    return [str(helper), *told, str(pid), WAY_OUT]
