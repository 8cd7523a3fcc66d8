"""The way out: to networks beyond this machine, and to nothing on the way; what is left when a server ends."""

from __future__ import annotations

import hashlib
import inspect
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.functions import Answer, Inside, create, wait_until
from tests.support.outside import Outside, outside
from tests.support.runtimes import NEWEST
from tests.support.server import Server

pytestmark = pytest.mark.root


@pytest.fixture(scope="module", name="beyond")
def _beyond() -> Iterator[Outside]:
    with outside() as there:
        yield there


@pytest.fixture(scope="module", name="server")
def _server(beyond: Outside, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server.started(tmp_path_factory.mktemp("out") / "state") as server:
        yield server


@pytest.fixture(scope="module")
def inside(server: Server) -> Inside:
    return Inside.on(server, Timeout=20)


def hear(host: str, kind: str) -> str:
    import socket

    with socket.socket(socket.AF_INET, getattr(socket, kind)) as asking:
        asking.settimeout(5)
        asking.connect((host, 80))
        if kind == "SOCK_DGRAM":
            asking.send(b"?")
        return asking.recv(100).decode()


def uplinks(state: Path) -> list[str]:
    tag = hashlib.sha256(str(state).encode()).hexdigest()[:6]
    return [name for name in os.listdir("/sys/class/net") if name.startswith(f"lm{tag}")]


@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM"])
def test_a_function_reaches_networks_beyond_in_the_name_of_this_machine(
    beyond: Outside, inside: Inside, kind: str
) -> None:
    assert inside.run(hear, beyond.address, kind) == beyond.ours


@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM"])
def test_the_machines_own_address_on_that_network_is_refused(beyond: Outside, inside: Inside, kind: str) -> None:
    assert inside.refusal(hear, beyond.ours, kind) == "ENETUNREACH"


def test_a_function_that_opens_all_it_can_leaves_the_way_out_to_others(
    beyond: Outside, server: Server, inside: Inside
) -> None:
    def knock_everywhere(host: str) -> int:
        import socket

        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(10)]
        refused = 0
        for asking in sockets:
            for port in range(1, 1000):
                try:
                    asking.sendto(b"?", (host, port))
                except OSError:
                    refused += 1
        return refused

    greedy = Inside.on(server, Timeout=20)
    greedy.run(knock_everywhere, beyond.address)
    assert greedy.refusal(hear, beyond.address, "SOCK_STREAM") == "ENETUNREACH"
    assert inside.run(hear, beyond.address, "SOCK_STREAM") == beyond.ours


def test_nobody_beyond_reaches_in(beyond: Outside, server: Server, inside: Inside) -> None:
    inside.run(hear, beyond.address, "SOCK_STREAM")
    taken = [
        ".".join(str(byte) for byte in bytes.fromhex(line.split()[1])[::-1])
        for line in Path("/proc/net/route").read_text().splitlines()
        if line.startswith(tuple(uplinks(server.state)))
    ]
    assert taken
    for network in taken:
        router = f"{network.rpartition('.')[0]}.{int(network.rpartition('.')[2]) + 2}"
        knock = f"""
import socket
for port in (53, 9001, 4566):
    try:
        socket.create_connection(({router!r}, port), timeout=0.5)
    except OSError:
        continue
    print("reached", port)
"""
        assert beyond.run(knock) == ""


def test_a_server_that_gives_no_network_reaches_nothing(beyond: Outside, tmp_path: Path) -> None:
    with Server.started(tmp_path / "state", None, "--network", "none") as server:
        assert Inside.on(server).refusal(hear, beyond.address, "SOCK_STREAM") == "ENETUNREACH"
        assert uplinks(server.state) == []


def test_on_the_hosts_network_a_function_reaches_the_host_and_is_otherwise_held(
    beyond: Outside, tmp_path: Path
) -> None:
    def look() -> list[object]:
        import os

        import boto3

        with open("/proc/self/status") as status:
            rights = [line.split()[1] for line in status if line.startswith(("CapEff", "CapPrm", "Seccomp:"))]
        return [rights, os.listdir("/opt"), len(boto3.client("lambda").list_functions()["Functions"])]

    with Server.started(tmp_path / "state", None, "--network", "host") as server:
        inside = Inside.on(server)
        assert inside.run(hear, beyond.address, "SOCK_STREAM") == beyond.ours
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()

            def reach(port: int) -> None:
                import socket

                socket.create_connection(("127.0.0.1", port), timeout=5).close()

            inside.run(reach, address[1])
        assert inside.run(look) == [["0" * 16, "0" * 16, "2"], [], 1]
        assert "loopback" in server.said()


def test_a_killed_server_leaves_no_interface_and_the_next_lets_functions_out_again(
    beyond: Outside, tmp_path: Path
) -> None:
    server = Server.start(tmp_path / "state")
    try:
        assert Inside.on(server).run(hear, beyond.address, "SOCK_STREAM") == beyond.ours
        assert uplinks(server.state)
    finally:
        server.kill()
    wait_until(lambda: not uplinks(server.state), what="the uplinks are gone")
    with Server.started(tmp_path / "state") as server:
        assert Inside.on(server).run(hear, beyond.address, "SOCK_DGRAM") == beyond.ours


@pytest.mark.skipif(int(NEWEST.partition(".")[2]) < 12, reason="no Python that has SnapStart is to be seen here")
def test_a_restored_environment_has_the_same_way_out(beyond: Outside, server: Server) -> None:
    code = "import socket\n" + inspect.getsource(hear) + "def handler(event, context): return hear(*event)\n"
    made = create(server, code, Timeout=20, SnapStart={"ApplyOn": "PublishedVersions"})
    wait_until(lambda: made.settled, 30)
    made.client.publish_version(FunctionName=made.name)

    def restored() -> Answer | None:
        answer = made.call([beyond.address, "SOCK_STREAM"], Qualifier="1")
        return answer if "Restore Duration" in answer.report() else None

    assert wait_until(restored, 20).value == beyond.ours
    refused = made.call([beyond.ours, "SOCK_STREAM"], Qualifier="1")
    assert "unreachable" in refused.value["errorMessage"]
