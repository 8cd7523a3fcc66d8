"""Sockets to listen at, or in words why they cannot be had."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from pathlib import Path
from typing import Any, Final

from lamina import unix_sockets

# Clients that connect at the same moment; the kernel caps it at its own limit.
_BACKLOG: Final = 1024
# Of a name with several addresses, such as localhost on a machine without IPv6, one may be none of this machine's.
_OTHERS_MAY_DO: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class CannotListen(OSError):
    """The address can't be had; the message says why and what to do."""


async def tcp(host: str, port: int) -> list[socket.socket]:
    """A listener for each address of *host*, at *port*, all at the same free one with 0; raises CannotListen."""
    listeners: list[socket.socket] = []
    missing: OSError | None = None
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, address in dict.fromkeys((family, address) for family, *_, address in found):
            at = port or (listeners[0].getsockname()[1] if listeners else 0)
            try:
                listeners.append(_at(family, (address[0], at, *address[2:])))
            except OSError as error:
                if error.errno not in _OTHERS_MAY_DO:
                    raise
                missing = error
        if missing is not None and not listeners:
            raise missing
    except OSError as error:
        for listener in listeners:
            listener.close()
        raise CannotListen(error.errno, _why_not(host, port, error)) from error
    return listeners


def unix(path: Path) -> socket.socket:
    """A listener at the Unix socket *path*; raises CannotListen.

    A socket that a killed server left there is replaced, one that somebody answers at is not.
    """
    try:
        with unix_sockets.address(path) as address:
            if _is_answered(address):
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
                path.unlink()
            return _at(socket.AF_UNIX, address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = f"Another server listens at {path}. Stop that one first."
        else:
            why = f"Cannot listen at {path}: {error.strerror or error}."
        raise CannotListen(error.errno, why) from error


def _is_answered(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        # One whose queue is full is somebody's.
        client.setblocking(False)
        try:
            client.connect(address)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True


def _at(family: int, address: Any) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # IPv4 has a listener of its own.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is in use, perhaps by another Lamina or by LocalStack. "
            "Stop that one, or choose another port with --port."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is for root only. Choose one of 1024 or more with --port."
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{host} is no address of this machine. Choose another with --host; 127.0.0.1 always works."
    return f"Cannot listen at {host}:{port}: {error.strerror or error}."
