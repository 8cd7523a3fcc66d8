"""The way in from outside, for so many connections at once.

A server that accepts whoever comes runs out of descriptors, and it is its functions that cannot start then. Here who is
too many takes the place of somebody who has asked for nothing for the longest time, as keep-alive and slow senders do;
where everybody is being served he is told so; and where many have been told and stay, the next wait in the kernel's
queue. The same goes for the callers of one address among themselves, but that nobody of theirs who is too many waits in
that queue, before others: he is left.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from typing import Any, Final, Protocol, TypeVar

from lamina.gateway.accepting import Acceptor
from lamina.gateway.addresses import Addresses, Crowd
from lamina.gateway.connection import Connection
from lamina.gateway.messages import Answer, Refusal, Request, Timeouts
from lamina.gateway.reading import OpenIntake

T = TypeVar("T")

CONNECTIONS_MAX: Final = 10_000
# Who is too many has one of these places while he is told so.
SPARE: Final = 64
# Of all, so many leave at once: to look for them takes longer than to leave.
_PART_TO_LEAVE: Final = 32
# And for so long nobody looks again where nobody could leave.
_LOOK_S: Final = 0.1
# As `SPARE`, of one address.
SPARE_OF_ADDRESS: Final = 8
_FULL: Final = Refusal(
    503, "ServiceUnavailable", "The server has as many connections as it may have, and all of them are in use."
)
TOO_MANY: Final = Refusal(
    429, "TooManyRequestsException", "Rate Exceeded. Your address has as many connections as it may have here."
)
_log = logging.getLogger(__name__)


class House(Protocol):
    """The gateway behind it."""

    timeouts: Timeouts
    threads: Executor

    def opened(self, connection: Connection) -> None: ...

    def closed(self, connection: Connection) -> None: ...


class Front:
    """Connects clients to *house*, *connections_max* of them at most, and `SPARE` that are refused.

    *answer* and *open_intake* are for `Connection`. What clients of one address may have, *addresses* says.
    """

    def __init__(
        self,
        house: House,
        answer: Callable[[Request], Awaitable[Answer]],
        open_intake: OpenIntake,
        connections_max: int = CONNECTIONS_MAX,
        addresses: Addresses[object] | None = None,
    ) -> None:
        self._addresses = addresses or Addresses()
        self.timeouts, self.threads = house.timeouts, house.threads
        self._house, self._answer, self._open_intake = house, answer, open_intake
        self._connections_max = connections_max
        self._acceptor = Acceptor(self._make, self._has_room, self._addresses.leave)
        self._connections: set[Connection] = set()
        self._leaving: set[Connection] = set()
        self._is_told = False
        self._looks_at = 0.0

    def listen(self, listener: socket.socket, **tls: Any) -> None:
        """Let clients in at *listener*, which stays the caller's; *tls* is for `loop.connect_accepted_socket`."""
        self._acceptor.listen(listener, **tls)

    def close(self) -> None:
        """Let nobody else in."""
        self._acceptor.close()

    # What a connection needs of its owner.

    def opened(self, connection: Connection) -> None:
        self._acceptor.arrived(connection)
        self._connections.add(connection)
        self._house.opened(connection)

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._leaving.discard(connection)
        self._addresses.leave(connection)
        self._house.closed(connection)
        self._acceptor.resume()

    # What the acceptor asks.

    @property
    def _here(self) -> int:
        return len(self._connections) - len(self._leaving) + self._acceptor.arriving

    def _has_room(self) -> bool:
        if self._here >= self._connections_max + SPARE:
            self._make_room()
        return self._here < self._connections_max + SPARE

    def _make(self, address: str) -> Connection | None:
        refusal = None
        if self._here >= self._connections_max:
            self._tell()
            self._make_room()
            refusal = None if self._here < self._connections_max else _FULL
        crowd = self._addresses.full(address)
        if crowd is not None:
            self._thin(crowd)
            if len(crowd.holders) >= self._addresses.most + SPARE_OF_ADDRESS:
                return None
            refusal = refusal if len(crowd.holders) < self._addresses.most else TOO_MANY
        connection = Connection(self, self._answer, self._open_intake, refusal)
        self._addresses.take(address, connection)
        return connection

    def _make_room(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._looks_at:
            return
        until, part = now - self.timeouts.spared_s, max(1, self._connections_max // _PART_TO_LEAVE)
        if not self._dismiss(self._connections - self._leaving, part, until):
            # A handshake that does not go on is not even a client's yet.
            self._acceptor.drop(part, until)
            self._looks_at = now + _LOOK_S

    def _thin(self, crowd: Crowd[object]) -> None:
        """Have those of one address leave who have asked for nothing for longest."""
        if not crowd.is_told:
            crowd.is_told = True
            _log.warning(
                "%s has %d connections, and no more of it are let in: its idle ones have to leave, the rest are "
                "refused; LAMINA_MAX_CONNECTIONS_PER_ADDRESS is the limit",
                crowd.origin,
                len(crowd.holders),
            )
        now = asyncio.get_running_loop().time()
        if now < crowd.looks_at:
            return
        theirs = {holder for holder in crowd.holders if isinstance(holder, Connection)}
        part = max(1, self._addresses.most // _PART_TO_LEAVE)
        if not self._dismiss(theirs, part, now - self.timeouts.spared_s):
            crowd.looks_at = now + _LOOK_S

    def _dismiss(self, connections: Iterable[Connection], count: int, until: float) -> bool:
        """Close up to *count* of *connections* on which nothing was asked for since *until*; whether there was any."""
        waiting = [
            (since, connection)
            for connection in connections
            if (since := connection.waits_since) is not None and since <= until
        ]
        for connection in longest_waiting(waiting, count):
            self._leaving.add(connection)
            self._addresses.leave(connection)
            connection.abort()
        return bool(waiting)

    def _tell(self) -> None:
        if not self._is_told:
            self._is_told = True
            _log.warning(
                "there are %d connections, and more are not let in: the idle ones have to leave, and who finds none "
                "of them is refused; LAMINA_MAX_CONNECTIONS is the limit",
                self._connections_max,
            )


def longest_waiting(waiting: Iterable[tuple[float, T]], count: int) -> list[T]:
    """Up to *count* of those *waiting* since a time, the longest first."""
    return [each for _, each in heapq.nsmallest(count, waiting, key=lambda one: one[0])]
