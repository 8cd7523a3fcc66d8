"""What the callers of one address may have at once, so that one of them cannot have all there is. Pure.

Addresses are told apart as far as somebody else can be behind them: a host with IPv6 has all of its /64.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from lamina.values import dataclass

T = TypeVar("T")

# Who an address belongs to, as text; None for those of this machine, and others that no limit is for.
Origin = Callable[[str], "str | None"]
_MAPPED: Final = bytes(10) + b"\xff\xff"


def origin(peer: str) -> str | None:
    """Who *peer*, an address as the kernel or a proxy tells it, belongs to; None for this machine and for no address.

    As some proxies do, IPv4 may have a port behind it.
    """
    if peer.startswith("127.") or peer == "::1":
        return None
    if peer.count(":") == 1:
        peer = peer.partition(":")[0]
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    try:
        packed = socket.inet_pton(family, peer.partition("%")[0])
    except (OSError, ValueError):
        return None
    if packed.startswith(_MAPPED):
        return origin(socket.inet_ntop(socket.AF_INET, packed[-4:]))
    if family == socket.AF_INET:
        return peer
    return f"{socket.inet_ntop(family, packed[:8] + bytes(8))}/64"


@dataclass(slots=True)
class Crowd(Generic[T]):
    """What the callers of one address have: connections, and requests that a proxy passed on. As long as any is left.

    `looks_at` and `is_told` are for whoever makes them fewer.
    """

    origin: str
    holders: set[T]
    looks_at: float = 0.0
    is_told: bool = False


class Addresses(Generic[T]):
    """Counts what callers hold, by *origin*; each may have *most*, with 0 any number. Never more than is held."""

    def __init__(self, most: int = 0, origin: Origin = origin) -> None:
        self.most = most
        self._origin = origin
        self._crowds: dict[str, Crowd[T]] = {}
        self._of: dict[T, Crowd[T]] = {}

    def full(self, peer: str) -> Crowd[T] | None:
        """Those at the address of *peer*, if they have as much as they may, or more."""
        who = self._origin(peer) if self.most else None
        crowd = None if who is None else self._crowds.get(who)
        return None if crowd is None or len(crowd.holders) < self.most else crowd

    def take(self, peer: str, holder: T) -> None:
        """*holder* is *peer*'s until it is told to `leave`."""
        who = self._origin(peer) if self.most else None
        if who is None:
            return
        crowd = self._crowds.get(who)
        if crowd is None:
            crowd = self._crowds[who] = Crowd(who, set())
        crowd.holders.add(holder)
        self._of[holder] = crowd

    def leave(self, holder: T) -> None:
        """*holder* is nobody's any more, if it was somebody's."""
        crowd = self._of.pop(holder, None)
        if crowd is None:
            return
        crowd.holders.discard(holder)
        if not crowd.holders:
            del self._crowds[crowd.origin]
