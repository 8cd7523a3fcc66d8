"""Nothing in this process reaches out of it: it opens no connection, asks for no name, starts no program.

moto posts what is published to any address that subscribed, and has Docker run whatever image a job names. Code in an
environment may ask for both, and is kept from the host's network and programs; it would reach them from here, where
nothing is between it and the server's port, at which nobody is asked for a signature.
"""

from __future__ import annotations

import sys
from typing import Any, Final

_OUTWARD: Final = frozenset(
    (
        *("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"),
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn"),
    )
)


class Confined(NotImplementedError):
    """What moto was about would leave this process."""


def confine() -> None:
    """From here on, and for good: raise Confined in whatever tries."""
    sys.addaudithook(_refuse)


def _refuse(event: str, _: tuple[Any, ...]) -> None:
    if event in _OUTWARD:
        raise Confined(f"nothing is sent or started from here ({event})")
