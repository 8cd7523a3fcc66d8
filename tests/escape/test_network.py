"""Attempts to reach by network what a function has no business with: this machine, other functions, metadata."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
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


@pytest.mark.parametrize("address", ["169.254.169.254", "169.254.170.2", "169.254.169.253", "169.254.112.1"])
def test_metadata_services_and_other_link_local_addresses_cannot_be_reached(inside: Inside, address: str) -> None:
    assert inside.refusal(connect, address, 80) == "ENETUNREACH"


def send(host: str, port: int) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(5)
        sender.connect((host, port))
        sender.send(b"x")
        # That nobody is there comes as an answer, where the way is not missing at once.
        sender.recv(1)


def test_datagrams_to_metadata_services_go_nowhere(inside: Inside) -> None:
    assert inside.refusal(send, "169.254.169.254", 53) == "ENETUNREACH"


def own_addresses() -> set[str]:
    """Every address of this machine's, whatever interface has it."""
    address, found = "", set()
    for line in Path("/proc/net/fib_trie").read_text().splitlines():
        if "|--" in line:
            address = line.split()[-1]
        elif "host LOCAL" in line:
            found.add(address)
    return found


def test_no_address_of_the_host_leads_to_its_services(inside: Inside) -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("0.0.0.0", listener.getsockname()[1]))
        datagrams.settimeout(0)
        for address in own_addresses():
            assert inside.refusal(connect, address, listener.getsockname()[1]) in ("ENETUNREACH", "ECONNREFUSED")
            # How many are told of datagrams that they are refused, the host limits.
            assert inside.refusal(send, address, listener.getsockname()[1])
        with pytest.raises(BlockingIOError):
            datagrams.recv(1)


def test_an_address_of_another_environment_leads_nowhere(prison: Server, inside: Inside) -> None:
    def own_address() -> str:
        import socket

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            try:
                asking.connect(("192.0.2.200", 9))
            except OSError:
                # Without a way out there is none but those of every environment.
                return "169.254.0.1"
            return str(asking.getsockname()[0])

    own, other = inside.run(own_address), Inside.on(prison).run(own_address)
    for port in (9001, 4566, 53):
        if other != own:
            assert inside.refusal(connect, other, port) == "ENETUNREACH"


def test_beside_names_nothing_is_to_be_had_of_the_router(inside: Inside) -> None:
    for port in (22, 80, 9001, 4566):
        assert inside.refusal(connect, "169.254.78.1", port) == "ENETUNREACH"


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


def test_the_own_name_is_known(inside: Inside) -> None:
    def resolve(name: str) -> str:
        import socket

        try:
            return str(socket.getaddrinfo(name, 80))
        except socket.gaierror as error:
            return type(error).__name__

    assert "127.0.0.1" in inside.run(resolve, "localhost")
