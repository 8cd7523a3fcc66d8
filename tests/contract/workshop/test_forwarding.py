"""A port that leads elsewhere, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from lamina.workshop.running.forwarding import Forwarder, free_port


@pytest.fixture
def inside() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_what_is_sent_arrives_and_so_does_the_end_of_it(inside: socket.socket) -> None:
    refusals = [ConnectionRefusedError(), ConnectionRefusedError()]

    def connect() -> socket.socket:
        if refusals:
            raise refusals.pop()
        return socket.create_connection(inside.getsockname())

    forwarder = Forwarder(0, connect)
    try:
        assert not forwarder.connected.is_set()
        with socket.create_connection(("127.0.0.1", forwarder.port)) as outside:
            assert forwarder.connected.wait(10)
            served, _ = inside.accept()
            with served:
                outside.sendall(b"question")
                outside.shutdown(socket.SHUT_WR)
                assert served.makefile("rb").read() == b"question"
                served.sendall(b"answer")
                served.shutdown(socket.SHUT_WR)
                assert outside.makefile("rb").read() == b"answer"
    finally:
        forwarder.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", forwarder.port))


def test_closing_ends_those_who_wait_and_those_who_talk(inside: socket.socket) -> None:
    def refuse() -> socket.socket:
        raise ConnectionRefusedError

    for connect in (refuse, lambda: socket.create_connection(inside.getsockname())):
        forwarder = Forwarder(0, connect)
        with socket.create_connection(("127.0.0.1", forwarder.port)) as outside:
            assert forwarder.connected.wait(10)
            forwarder.close()
            assert outside.recv(1) == b""


def test_a_port_in_use_is_an_error_at_once(inside: socket.socket) -> None:
    with pytest.raises(OSError, match="in use"):
        Forwarder(inside.getsockname()[1], lambda: inside)
    assert free_port() != inside.getsockname()[1]
