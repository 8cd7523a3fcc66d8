"""More connections than there may be: the idle leave, the rest are told, and the server still answers others."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_network
from types import SimpleNamespace
from typing import cast

import pytest

from lamina.environments.variables import Credentials
from lamina.gateway import Doors, Timeouts
from lamina.gateway.addresses import Addresses
from lamina.gateway.certificates import Certificates
from lamina.gateway.doors import Door
from lamina.gateway.front import SPARE, SPARE_OF_ADDRESS
from lamina.gateway.proxies import Proxies
from lamina.operations.call import Call, Output, Parameters
from tests.support.gateway import DEFAULT_SCOPE, PATIENCE_S, RawClient, RunningGateway, request, running
from tests.support.server import Server

pytestmark = pytest.mark.anybody

INVOKE = "/2015-03-31/functions/f/invocations"
HEALTH = request("GET", "/_lamina/health")
# Whoever waits at all may have to leave; or nobody, however long he waits.
ALL_MAY_LEAVE, NOBODY_LEAVES = Timeouts(spared_s=0), Timeouts(spared_s=3600)


class Busy:
    """An Invoke handler that keeps its callers until it is let."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.open = asyncio.Event()
        self.entered = 0

    async def invoke(self, call: Call, params: Parameters) -> Output:
        self.loop = asyncio.get_running_loop()
        self.entered += 1
        await self.open.wait()
        return {"StatusCode": 200, "Payload": b"served"}

    def let(self) -> None:
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.open.set)


def wait_until(server: RunningGateway, holds: Callable[[], bool]) -> None:
    async def until() -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110 - the condition is of the kernel's making, nobody could set an event
                await asyncio.sleep(0)

    server.run(until())


def connected(server: RunningGateway, clients: ExitStack) -> RawClient:
    """One more client, whom the server knows of."""
    before = server.gateway.connections
    client = clients.enter_context(server.connect())
    wait_until(server, lambda: server.gateway.connections > before)
    return client


def test_who_has_waited_longest_makes_room_for_one_more() -> None:
    with running(timeouts=ALL_MAY_LEAVE, connections_max=3) as server, ExitStack() as clients:
        first, second, third = (connected(server, clients) for _ in range(3))
        # It waits for the rest of this only since now, and the first for more only since it was answered.
        second.send(b"GET /_lamina/health HTTP/1.1\r\n")
        first.send(HEALTH)
        assert first.answer().status == 200
        assert server.ask(HEALTH).status == 200
        assert third.rest() == b""
        first.send(HEALTH)
        assert first.answer().status == 200
        second.send(b"Host: h\r\n\r\n")
        assert second.answer().status == 200


def test_nobody_who_is_served_or_sends_a_body_has_to_leave_and_who_comes_is_told() -> None:
    busy = Busy()
    with running({"Invoke": busy.invoke}, timeouts=ALL_MAY_LEAVE, connections_max=2) as server, ExitStack() as clients:
        served, sending = (connected(server, clients) for _ in range(2))
        served.send(request("POST", INVOKE, b"1"))
        wait_until(server, lambda: busy.entered == 1)
        sending.send(request("POST", INVOKE, Content_Length="2") + b"1")
        client = clients.enter_context(server.connect())
        client.send(request("POST", INVOKE, Content_Length="1000000"))
        refused = client.answer()
        assert (refused.status, refused.headers["x-amzn-errortype"]) == (503, "ServiceUnavailable")
        assert refused.headers["connection"] == "close"
        assert "connections" in refused.json["message"]
        assert client.rest() == b""
        sending.send(b"2")
        wait_until(server, lambda: busy.entered == 2)
        busy.let()
        assert [served.answer().body, sending.answer().body] == [b"served", b"served"]


def test_who_is_told_takes_so_many_places_and_the_next_wait_without_an_answer() -> None:
    with running(timeouts=NOBODY_LEAVES, connections_max=1) as server:
        with ExitStack() as clients:
            inside = connected(server, clients)
            told = [connected(server, clients) for _ in range(SPARE)]
            waiting = clients.enter_context(server.connect())
            waiting.send(HEALTH)
            inside.send(HEALTH)
            assert inside.answer().status == 200
            assert server.gateway.connections == 1 + SPARE
            told[0].send(HEALTH)
            assert told[0].answer().status == 503
            told[0].close()
            # Its place is the next one's.
            assert waiting.answer().status == 503
        wait_until(server, lambda: server.gateway.connections == 0)
        assert server.ask(HEALTH).status == 200


def test_handshakes_that_do_not_go_on_make_room_too() -> None:
    with running(timeouts=ALL_MAY_LEAVE, connections_max=2) as server, ExitStack() as clients:
        certificates = cast(Certificates, SimpleNamespace(context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)))
        port = server.run(server.gateway.listen_tcp("127.0.0.1", 0, certificates))
        silent = [
            clients.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)) for _ in range(2)
        ]
        assert server.ask(HEALTH).status == 200
        assert silent[0].recv(1) == b""


def test_a_body_that_trickles_in_ends_however_regularly_it_does() -> None:
    slow = Timeouts(body_s=0.2, rate=1_000_000)
    with running(timeouts=slow) as server, server.connect() as client:
        client.send(request("POST", "/2015-03-31/functions", Content_Length="1000000"))
        client.trickle(b"x")


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    state = tmp_path_factory.mktemp("crowded") / "state"
    with Server.started(state, {"LAMINA_MAX_CONNECTIONS": "100"}) as server:
        yield server


def _address(server: Server) -> tuple[str, int]:
    host, _, port = server.endpoint.removeprefix("http://").rpartition(":")
    return host, int(port)


def test_callers_are_served_while_others_hold_every_connection(crowded: Server) -> None:
    # SDKs try again what was turned away, as here.
    client = crowded.client(retries={"mode": "standard", "total_max_attempts": 10})
    with ExitStack() as clients:
        for number in range(500):
            each = clients.enter_context(socket.create_connection(_address(crowded), timeout=PATIENCE_S))
            if number % 2:
                each.send(b"GET / HTTP/1.1\r\nA: b\r\n")
            if number % 100 == 0:
                assert client.list_functions()["Functions"] == []
        assert client.list_functions()["Functions"] == []
    assert "LAMINA_MAX_CONNECTIONS" in crowded.said()


def _let_in(server: Server, clients: ExitStack) -> RawClient | None:
    """A client who was answered; None while those who went away still have their places."""
    client = clients.enter_context(RawClient(socket.create_connection(_address(server), timeout=PATIENCE_S)))
    client.send(HEALTH)
    return client if client.answer().status == 200 else None


def test_without_a_descriptor_who_comes_waits_and_who_is_there_is_served(crowded: Server) -> None:
    pid = crowded.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    with ExitStack() as clients:
        inside = next(client for _ in range(1000) if (client := _let_in(crowded, clients)) is not None)
        waiting = clients.enter_context(RawClient(socket.socket()))
        waiting.socket.settimeout(PATIENCE_S)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, before[1]))
        try:
            waiting.socket.connect(_address(crowded))
            waiting.send(HEALTH)
            inside.send(HEALTH)
            assert inside.answer().status == 200
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert waiting.answer().status == 200
    assert crowded.said().count("kept waiting") == 1


def test_code_in_environments_has_few_connections_for_sure_and_more_while_there_are_some() -> None:
    with running() as server, ExitStack() as house:
        doors = Doors(connections_max=6)
        doors.house = server.gateway
        house.callback(doors.close)

        async def open_one(listener: socket.socket) -> Door:
            return doors.open(listener, DEFAULT_SCOPE, Credentials("ASIA", "secret", "token"))

        async def close(door: Door) -> None:
            door.close()

        def through_a_door() -> Callable[[], RawClient]:
            listener = house.enter_context(socket.create_server(("127.0.0.1", 0)))
            house.callback(lambda door: server.run(close(door)), server.run(open_one(listener)))
            address = listener.getsockname()
            return lambda: house.enter_context(RawClient(socket.create_connection(address, timeout=PATIENCE_S)))

        greedy, other = through_a_door(), through_a_door()
        many = [greedy() for _ in range(6)]
        wait_until(server, lambda: server.gateway.connections == 6)
        waiting = [greedy()]
        few = [other() for _ in range(4)]
        wait_until(server, lambda: server.gateway.connections == 10)
        waiting.append(other())
        for each in (*waiting, few[0]):
            each.send(HEALTH)
        assert few[0].answer().status == 403
        assert server.gateway.connections == 10
        for each in many:
            each.close()
        assert [each.answer().status for each in waiting] == [403, 403]


def elsewhere(peer: str) -> str | None:
    """The first of this machine's addresses are its own, the others stand for those of other machines."""
    return None if peer == "127.0.0.1" else peer


ONE, ANOTHER = "127.0.0.2", "127.0.0.3"


def test_one_address_takes_so_many_connections_and_others_are_served_meanwhile() -> None:
    """By heads that never end, by bodies that never end, by requests that last: whatever one can have of them."""
    busy, slow = Busy(), Timeouts(spared_s=3600)
    limited = Addresses[object](6, elsewhere)
    with running({"Invoke": busy.invoke}, timeouts=slow, addresses=limited) as server, ExitStack() as clients:
        begun = (b"GET /_lam", request("POST", INVOKE, Content_Length="200000") + b"1", request("POST", INVOKE, b"1"))
        for number in range(6):
            clients.enter_context(server.connect(ONE)).send(begun[number % 3])
        wait_until(server, lambda: busy.entered == 2)
        refused = server.ask(HEALTH, ONE)
        assert (refused.status, refused.headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
        assert refused.json["Reason"] == "CallerRateLimitExceeded"
        wait_until(server, lambda: server.gateway.connections == 6)
        told = [clients.enter_context(server.connect(ONE)) for _ in range(SPARE_OF_ADDRESS)]
        wait_until(server, lambda: server.gateway.connections == 6 + SPARE_OF_ADDRESS)
        # Of further ones nobody hears anything.
        assert [clients.enter_context(server.connect(ONE)).rest() for _ in range(50)] == [b""] * 50
        for by in (ANOTHER, "127.0.0.1"):
            assert server.ask(HEALTH, by).status == 200
        for client in told:
            client.send(HEALTH)
            assert client.answer().status == 429
        own = [clients.enter_context(server.connect()) for _ in range(20)]
        for client in own:
            client.send(HEALTH)
            assert client.answer().status == 200
        busy.let()
    with running(addresses=limited) as server:
        # Whoever has left counts no more.
        assert server.ask(HEALTH, ONE).status == 200


def test_idle_connections_of_an_address_make_room_for_its_own_and_for_nobody_elses() -> None:
    limited = Addresses[object](2, elsewhere)
    with running(timeouts=ALL_MAY_LEAVE, addresses=limited) as server, ExitStack() as clients:
        other, first, second = (clients.enter_context(server.connect(by)) for by in (ANOTHER, ONE, ONE))
        for client in (other, first, second):
            client.send(HEALTH)
            assert client.answer().status == 200
        for _ in range(10):
            assert server.ask(HEALTH, ONE).status == 200
        assert first.rest() == b""
        other.send(HEALTH)
        assert other.answer().status == 200


def test_handshakes_that_do_not_go_on_count_and_those_that_fail_count_no_more() -> None:
    limited = Addresses[object](1, elsewhere)
    with running(timeouts=NOBODY_LEAVES, addresses=limited) as server, ExitStack() as clients:
        certificates = cast(Certificates, SimpleNamespace(context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)))
        port = server.run(server.gateway.listen_tcp("127.0.0.1", 0, certificates))
        at = "127.0.0.1", port
        silent = clients.enter_context(socket.create_connection(at, PATIENCE_S, (ONE, 0)))
        wait_until(server, lambda: limited.full(ONE) is not None)
        assert server.ask(HEALTH, ONE).status == 429
        silent.sendall(b"GET / HTTP/1.1\r\n\r\n")
        wait_until(server, lambda: limited.full(ONE) is None)
        assert server.ask(HEALTH, ONE).status == 200


def test_what_a_proxy_passes_on_counts_as_its_clients() -> None:
    busy = Busy()
    proxies = Proxies([ip_network("127.0.0.0/8")])
    limited = Addresses[object](2, proxies.origin)
    with (
        running({"Invoke": busy.invoke}, addresses=limited, proxies=proxies) as server,
        ExitStack() as clients,
    ):
        passed = [clients.enter_context(server.connect()) for _ in range(2)]
        for client in passed:
            client.send(request("POST", INVOKE, b"1", X_Forwarded_For="10.0.0.9, 192.0.2.7"))
        wait_until(server, lambda: busy.entered == 2)
        health = request("GET", "/_lamina/health", X_Forwarded_For="192.0.2.7")
        assert server.ask(health).status == 429
        assert server.ask(request("GET", "/_lamina/health", X_Forwarded_For="10.0.0.9")).status == 200
        assert server.ask(HEALTH).status == 200
        busy.let()
        assert [client.answer().body for client in passed] == [b"served"] * 2
        assert server.ask(health).status == 200
