"""A network beyond this machine: a namespace on the far side of a pair of interfaces. For root."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# Answers a connection, and a datagram, with the address it came from.
_TELLER = """
import socket, sys, threading
listener = socket.create_server(("0.0.0.0", 80))
datagrams = socket.socket(type=socket.SOCK_DGRAM)
datagrams.bind(("0.0.0.0", 80))
def answer_datagrams():
    while True:
        _, asker = datagrams.recvfrom(100)
        datagrams.sendto(asker[0].encode(), asker)
threading.Thread(target=answer_datagrams, daemon=True).start()
print("ready", flush=True)
while True:
    accepted, asker = listener.accept()
    accepted.sendall(asker[0].encode())
    accepted.close()
"""


@dataclass(frozen=True)
class Outside:
    """What is out there: somebody at *address*, port 80; this machine's address on that network is *ours*."""

    namespace: str
    address: str
    ours: str

    def run(self, program: str) -> str:
        """What a Python program prints there."""
        command = ["ip", "netns", "exec", self.namespace, sys.executable, "-c", program]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@contextmanager
def outside() -> Iterator[Outside]:
    """A network of its own for as long as the `with` lasts."""
    name = f"out{os.getpid()}"
    ours, theirs = _free_pair()
    _ip("netns", "add", name)
    try:
        _ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("addr", "add", f"{ours}/30", "dev", name)
        _ip("link", "set", name, "up")
        for command in ("addr add {}/30 dev eth0", "link set eth0 up", "link set lo up", "route add default via {}"):
            _ip("-n", name, *command.format(ours if "via" in command else theirs).split())
        teller = subprocess.Popen(
            ["ip", "netns", "exec", name, sys.executable, "-c", _TELLER], stdout=subprocess.PIPE, text=True
        )
        with teller:
            assert teller.stdout is not None
            assert teller.stdout.readline() == "ready\n"
            try:
                yield Outside(name, theirs, ours)
            finally:
                teller.kill()
    finally:
        _ip("netns", "delete", name)
        # Otherwise it goes when the kernel comes to it.
        subprocess.run(["ip", "link", "delete", name], check=False, capture_output=True, timeout=60)


def _free_pair() -> tuple[str, str]:
    """Two addresses of a documentation network (RFC 5737), of a part of it that no other run has, nor left behind."""
    taken = _ip("-oneline", "-4", "address", "show")
    for part in range(63):
        first = (os.getpid() + part) % 63 * 4
        if f" 203.0.113.{first + 1}/" not in taken:
            return f"203.0.113.{first + 1}", f"203.0.113.{first + 2}"
    raise AssertionError(f"every part of 203.0.113.0/24 is in use:\n{taken}")


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True, timeout=60).stdout
