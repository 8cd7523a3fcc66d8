"""Attempts to reach anything by network: there is one address, the environment's own Runtime API."""

from __future__ import annotations

import os
import socket
import threading
from urllib.parse import urlsplit

import pytest

from tests.support.functions import Inside
from tests.support.server import Server


def connect(host: str, port: int) -> None:
    import socket

    with socket.create_connection((host, port), timeout=5):
        pass


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_the_servers_port_on_the_hosts_loopback_is_not_there(inside: Inside, prison: Server, host: str) -> None:
    port = urlsplit(prison.endpoint).port
    assert port is not None
    assert inside.refusal(connect, host, port) == "ECONNREFUSED"


@pytest.mark.parametrize("address", ["8.8.8.8", "169.254.169.254", "169.254.170.2", "10.0.0.1", "192.168.0.1"])
def test_the_world_and_metadata_services_cannot_be_reached(inside: Inside, address: str) -> None:
    assert inside.refusal(connect, address, 80) == "ENETUNREACH"


def test_datagrams_go_nowhere(inside: Inside) -> None:
    def send() -> None:
        import socket

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("8.8.8.8", 53))

    assert inside.refusal(send) == "ENETUNREACH"


def test_an_address_of_the_hosts_network_is_not_there(inside: Inside) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        for address in {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}:
            assert inside.refusal(connect, str(address), port) in ("ENETUNREACH", "ECONNREFUSED")


def test_there_is_one_interface_and_it_cannot_be_changed(inside: Inside) -> None:
    def interfaces() -> list[str]:
        import socket

        return [name for _, name in socket.if_nameindex()]

    def bring_up(name: str) -> None:
        import fcntl
        import socket
        import struct

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", name.encode(), 0))

    assert inside.run(interfaces)[:1] == ["lo"]
    # Tunnels that the kernel puts into every namespace are down, and stay so.
    for name in inside.run(interfaces):
        assert inside.refusal(bring_up, name) == "EPERM"


def test_abstract_sockets_of_the_host_are_not_there(inside: Inside) -> None:
    name = f"\0lamina-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()

        def reach(name: str) -> None:
            import socket

            with socket.socket(socket.AF_UNIX) as client:
                client.connect(name)

        assert inside.refusal(reach, name) == "ECONNREFUSED"


def test_named_sockets_of_the_host_are_not_there(inside: Inside, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("s") / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def reach(path: str) -> None:
            import socket

            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)

        assert inside.refusal(reach, path) == "ENOENT"


def test_the_runtime_api_of_another_environment_cannot_be_reached(prison: Server) -> None:
    def serve_for_a_while() -> None:
        import socket
        import time

        with socket.create_server(("0.0.0.0", 4711)):
            time.sleep(2)

    def reach_the_other() -> str:
        import socket
        import time

        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", 4711), timeout=1).close()
            except ConnectionRefusedError:
                time.sleep(0.05)
            else:
                return "reached"
        return "refused"

    one, other = Inside.on(prison), Inside.on(prison)
    listening = threading.Thread(target=one.run, args=(serve_for_a_while,))
    listening.start()
    assert other.run(reach_the_other) == "refused"
    listening.join()


def test_names_are_not_resolved(inside: Inside) -> None:
    def resolve(name: str) -> str:
        import socket

        try:
            return str(socket.getaddrinfo(name, 80))
        except socket.gaierror as error:
            return type(error).__name__

    assert inside.run(resolve, "example.com") == "gaierror"
    assert "127.0.0.1" in inside.run(resolve, "localhost")
