"""The network an environment sees: a loopback interface with the address of the Runtime API on it, and nothing else."""

from __future__ import annotations

import fcntl
import socket
import struct

RUNTIME_API_ADDRESS = "169.254.100.1"
RUNTIME_API_PORT = 9001

_SIOCSIFFLAGS = 0x8914
_SIOCSIFADDR = 0x8916
_SIOCSIFNETMASK = 0x891C
_IFF_UP = 1


def open_runtime_api() -> socket.socket:
    """A listener at 169.254.100.1:9001 (and 127.0.0.1:9001) of this namespace.

    A socket belongs to the namespace it was made in, so the worker, who is handed this one, answers inside the
    environment from outside of it, and no other environment can reach it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _request(control, _SIOCSIFADDR, b"lo:1", _address(RUNTIME_API_ADDRESS))
        _request(control, _SIOCSIFNETMASK, b"lo:1", _address("255.255.255.255"))
        _request(control, _SIOCSIFFLAGS, b"lo", struct.pack("h14x", _IFF_UP))
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("0.0.0.0", RUNTIME_API_PORT))
    listener.listen(64)
    return listener


def _request(control: socket.socket, number: int, interface: bytes, payload: bytes) -> None:
    fcntl.ioctl(control, number, struct.pack("16s", interface) + payload.ljust(24, b"\0"))


def _address(dotted: str) -> bytes:
    return struct.pack("hH4s8x", socket.AF_INET, 0, socket.inet_aton(dotted))
