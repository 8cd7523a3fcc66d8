"""A zygote's network namespace as the router of its environments, as the host planned it (`lamina.sandbox.network`)."""

from __future__ import annotations

import base64
import os
import socket
from contextlib import closing
from typing import Any

from . import netlink, network
from .netlink import Netlink

_LOOPBACK = 1
_NAME = "uplink"
_IPV4 = "/proc/sys/net/ipv4/"


def set_up(plan: dict[str, Any], outside: Netlink) -> None:
    """Make this namespace a router; *outside* speaks for the namespace where its uplink's other end is to be.

    That end is left as it is made, for the server to see to.
    """
    network.switch_off_ipv6()
    _write("ip_forward", "1")
    # A source address that is not the environment's own leads nowhere; interfaces that are still to come have it too.
    _write("conf/all/rp_filter", "1")
    # Whoever is refused is told every time.
    _write("icmp_ratelimit", "0")
    with closing(Netlink()) as inside:
        inside.do(netlink.new_address(_LOOPBACK, plan["resolver"]), netlink.bring_up(_LOOPBACK))
        if plan["uplink"] is not None:
            _connect(inside, outside, *plan["uplink"])
    with closing(Netlink(netlink.NETFILTER)) as filters:
        filters.do_together(base64.b64decode(plan["filters"]), plan["answers"])


def open_resolver(address: str) -> tuple[socket.socket, socket.socket]:
    """Where environments ask for names: a socket for datagrams, and a listener."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((address, 53))
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((address, 53))
    listener.listen(64)
    return datagrams, listener


def _connect(inside: Netlink, outside: Netlink, name: str, host_address: str, address: str, prefix: int) -> None:
    here = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        # The kernel chooses the numbers of both: it takes no wish for the one without a wish for the other.
        outside.do(netlink.new_pair(name, 0, _NAME, 0, here))
    finally:
        os.close(here)
    index = socket.if_nametoindex(_NAME)
    inside.do(
        netlink.bring_up(index),
        netlink.new_address(index, address, prefix),
        netlink.new_default_route(index, host_address),
    )


def _write(name: str, value: str) -> None:
    with open(_IPV4 + name, "w") as file:
        file.write(value)
