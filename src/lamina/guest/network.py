"""The network an environment has of its own: a loopback interface with two listeners at an address like AWS's."""

from __future__ import annotations

import fcntl
import socket
import struct

ADDRESS = "169.254.100.1"
RUNTIME_API_PORT = 9001
# The server's own API, for whoever has the environment's credentials.
ENDPOINT_PORT = 4566

_SIOCSIFFLAGS = 0x8914
_SIOCSIFADDR = 0x8916
_SIOCSIFNETMASK = 0x891C
_IFF_UP = 1


def open_listeners() -> tuple[socket.socket, socket.socket]:
    """Listeners for the Runtime API and for the endpoint, at 169.254.100.1 and 127.0.0.1 of this namespace.

    A socket belongs to the namespace it was made in, so the worker, who is handed these, answers inside the
    environment from outside of it, and no other environment can reach them.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _request(control, _SIOCSIFADDR, b"lo:1", _address(ADDRESS))
        _request(control, _SIOCSIFNETMASK, b"lo:1", _address("255.255.255.255"))
        _request(control, _SIOCSIFFLAGS, b"lo", struct.pack("h14x", _IFF_UP))
    return _listen(RUNTIME_API_PORT), _listen(ENDPOINT_PORT)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("0.0.0.0", port))
    listener.listen(64)
    return listener


def _request(control: socket.socket, number: int, interface: bytes, payload: bytes) -> None:
    fcntl.ioctl(control, number, struct.pack("16s", interface) + payload.ljust(24, b"\0"))


def _address(dotted: str) -> bytes:
    return struct.pack("hH4s8x", socket.AF_INET, 0, socket.inet_aton(dotted))
