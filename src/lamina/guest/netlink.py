"""Talking to the kernel about interfaces, addresses, routes and packet filters, without any program of the host's.

A socket belongs to the network namespace it was made in, wherever its owner goes afterwards: that is how a process in
one namespace sets up the other end of a pair. Layouts: include/uapi/linux/{netlink,rtnetlink,if_link,veth}.h.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Tuple

ROUTE, NETFILTER = 0, 12

_NETLINK = 16
_REQUEST_AND_ACK = 0x5
_CREATE_NEW = 0x600  # NLM_F_CREATE, and NLM_F_EXCL
_ERROR = 2
_NEWLINK, _DELLINK, _NEWADDR, _NEWROUTE = 16, 17, 20, 24
_IFF_UP = 1
_IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 3, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_INFO_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_MAIN_TABLE, _BY_BOOT, _UNICAST, _SCOPE_LINK = 254, 3, 1, 253
_ONLINK = 4

# What a request is: its kind, its flags, its body.
Message = Tuple[int, int, bytes]


class Netlink:
    """A conversation with the kernel about the network namespace this process is in now."""

    def __init__(self, protocol: int = ROUTE) -> None:
        self._socket = socket.socket(_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def do(self, *messages: Message) -> None:
        """Send *messages* together; returns when each is acknowledged. Raises OSError with the first complaint."""
        packed = []
        for kind, flags, body in messages:
            self._sequence += 1
            packed.append(struct.pack("=IHHII", 16 + len(body), kind, flags | _REQUEST_AND_ACK, self._sequence, 0))
            packed.append(body + b"\0" * (-len(body) % 4))
        self._socket.send(b"".join(packed))
        self._await(len(messages))

    def do_together(self, batch: bytes, answers: int) -> None:
        """Send a *batch* that the kernel applies whole or not at all, and acknowledges *answers* times."""
        self._socket.send(batch)
        self._await(answers)

    def _await(self, answers: int) -> None:
        complaint = 0
        while answers:
            data = self._socket.recv(65536)
            while len(data) >= 16:
                length, kind = struct.unpack_from("=IH", data)
                if kind == _ERROR:
                    answers -= 1
                    complaint = complaint or -struct.unpack_from("=i", data, 16)[0]
                data = data[(length + 3) & ~3 :]
            if complaint:
                # A batch that is refused is not answered in full.
                raise OSError(complaint, os.strerror(complaint))


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | 0x8000, b"".join(attributes))


def new_pair(name: str, index: int, peer: str, peer_index: int, peer_namespace: int) -> Message:
    """A pair of interfaces: *name* here, *peer* in the namespace that a descriptor stands for. Both are down."""
    other = _link(peer_index) + _name(peer) + attribute(_IFLA_NET_NS_FD, struct.pack("=I", peer_namespace))
    kind = attribute(_INFO_KIND, b"veth\0")
    data = nested(_INFO_DATA, nested(_VETH_INFO_PEER, other))
    return _NEWLINK, _CREATE_NEW, _link(index) + _name(name) + nested(_IFLA_LINKINFO, kind, data)


def bring_up(index: int) -> Message:
    return _NEWLINK, 0, _link(index, _IFF_UP)


def remove_link(name: str) -> Message:
    return _DELLINK, 0, _link(0) + _name(name)


def new_address(index: int, address: str, prefix: int = 32) -> Message:
    packed = socket.inet_aton(address)
    body = struct.pack("=BBBBi", socket.AF_INET, prefix, 0, 0, index)
    return _NEWADDR, _CREATE_NEW, body + attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)


def new_route(index: int, address: str) -> Message:
    """The way to the one *address* leads out of the interface *index*."""
    attributes = [attribute(_RTA_DST, socket.inet_aton(address)), attribute(_RTA_OIF, struct.pack("=i", index))]
    return _NEWROUTE, _CREATE_NEW, _route(32, _SCOPE_LINK, 0) + b"".join(attributes)


def new_default_route(index: int, gateway: str) -> Message:
    """The way to everything else leads to *gateway*, which is right behind the interface *index*."""
    attributes = [attribute(_RTA_GATEWAY, socket.inet_aton(gateway)), attribute(_RTA_OIF, struct.pack("=i", index))]
    return _NEWROUTE, _CREATE_NEW, _route(0, 0, _ONLINK) + b"".join(attributes)


def _link(index: int, flags: int = 0) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, flags, flags)


def _name(name: str) -> bytes:
    return attribute(_IFLA_IFNAME, name.encode() + b"\0")


def _route(prefix: int, scope: int, flags: int) -> bytes:
    return struct.pack("=BBBBBBBBI", socket.AF_INET, prefix, 0, 0, _MAIN_TABLE, _BY_BOOT, scope, _UNICAST, flags)
