"""The network an environment has of its own: two listeners at an address like AWS's, and perhaps a way out."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import closing
from typing import Callable, Tuple

from . import netlink, syscalls
from .netlink import Netlink

ADDRESS = "169.254.100.1"
RUNTIME_API_PORT = 9001
# The server's own API, for whoever has the environment's credentials.
ENDPOINT_PORT = 4566

# Environments' own addresses: 169.254.0.1 to 169.254.63.254, one in each router.
_FIRST = (169 << 24) + (254 << 16)
_NUMBERS = 16382
# A number may still be held by an environment that lives long, or by one whose end the kernel is still tidying up.
_NUMBER_TRIES = 100
_STRIDE = 61
_LOOPBACK, _INTERFACE, _ROUTERS_INTERFACES = 1, 1000, 1000
_NO_IPV6 = "/proc/sys/net/ipv6/conf/default/disable_ipv6"

Listeners = Tuple[socket.socket, socket.socket]


def enter(mode: str, number: int, gateway: str) -> Listeners:
    """Make the namespace and what is in it: `leave`, then `furnish`."""
    return furnish(mode, number, gateway, leave(mode))


def leave(mode: str, kinds: int = 0, process: int = -1) -> Netlink | None:
    """Leave this network namespace for a new one, and others of *kinds* (CLONE_*) with it; what speaks for this one.

    Where a *process* (a descriptor of it) has them already, for those. In *mode* "host" the network is the host's and
    stays so: nothing is to be said for it.
    """
    if mode == "host":
        _enter(kinds, process)
        return None
    # Made before: it speaks for the namespace that we leave.
    outside = Netlink()
    try:
        _enter(kinds | syscalls.CLONE_NEWNET, process)
    except BaseException:
        outside.close()
        raise
    return outside


def _enter(kinds: int, process: int) -> None:
    if process == -1:
        syscalls.unshare(kinds)
    else:
        syscalls.setns(process, kinds)


def furnish(mode: str, number: int, gateway: str, outside: Netlink | None) -> Listeners:
    """Set up a new namespace; *number* tells environments of one router, for which *outside* speaks, apart.

    Gives the listeners for the Runtime API and for the endpoint. A socket belongs to the namespace it was made in, so
    the worker, who is handed these, answers inside the environment from outside of it, and no other environment can
    reach them. In *mode* "host" they are at ports of its loopback that were free. In mode "led" somebody else will
    `lead` it out.
    """
    if outside is None:
        return _listen("127.0.0.1", 0), _listen("127.0.0.1", 0)
    with closing(outside), closing(Netlink()) as inside:
        inside.do(netlink.new_address(_LOOPBACK, ADDRESS), netlink.bring_up(_LOOPBACK))
        if mode != "none":
            switch_off_ipv6()
        if mode == "outbound":
            _lead_out(outside, inside, number, gateway)
    return _listen("0.0.0.0", RUNTIME_API_PORT), _listen("0.0.0.0", ENDPOINT_PORT)


def lead(namespace: int, number: int, gateway: str) -> None:
    """Give the network *namespace* (a descriptor) a way out by the router in which this process is."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with closing(Netlink()) as outside:
            syscalls.setns(namespace, syscalls.CLONE_NEWNET)
            try:
                with closing(Netlink()) as inside:
                    _lead_out(outside, inside, number, gateway)
            finally:
                syscalls.setns(own, syscalls.CLONE_NEWNET)
    finally:
        os.close(own)


def _lead_out(outside: Netlink, inside: Netlink, number: int, gateway: str) -> None:
    """The same for the namespace in which this process is, and *inside* with it; *outside* speaks for the router."""
    address = _connect(outside, number)
    inside.do(
        netlink.bring_up(_INTERFACE),
        netlink.new_address(_INTERFACE, address),
        netlink.new_default_route(_INTERFACE, gateway),
    )


def switch_off_ipv6() -> None:
    """Have interfaces that are still to come go without it; loopback keeps it. Some kernels have none."""
    try:
        syscalls.write(_NO_IPV6, 1)
    except FileNotFoundError:
        pass


def _connect(outside: Netlink, number: int) -> str:
    """A pair of interfaces between here and the router, which is brought up there; gives the address to have here."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _with_a_free_number(number, lambda free: _pair(outside, free, here))
    finally:
        os.close(here)


def _pair(outside: Netlink, number: int, here: int) -> str:
    index = _ROUTERS_INTERFACES + number
    value = _FIRST + number
    address = "%d.%d.%d.%d" % (value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255)
    outside.do(netlink.new_pair("e%d" % number, index, "eth0", _INTERFACE, here))
    outside.do(netlink.bring_up(index), netlink.new_route(index, address))
    return address


def _with_a_free_number(number: int, use: Callable[[int], str]) -> str:
    for attempt in range(_NUMBER_TRIES):
        try:
            return use(1 + (number + attempt * _STRIDE) % _NUMBERS)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.EBUSY):
                raise
    raise OSError(errno.EADDRNOTAVAIL, "no address for an environment is free")


def _listen(address: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((address, port))
    listener.listen(64)
    return listener
