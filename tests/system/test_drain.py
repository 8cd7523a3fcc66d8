"""Told to stop, a server takes nothing new and lets what is under way be answered; told twice, it stops at once."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from lamina.catalog.sql import SqlCatalog
from tests.support.functions import create, wait_until
from tests.support.logs import logged
from tests.support.server import Server

pytestmark = pytest.mark.anybody

SLOW = """
import time
def handler(event, context):
    time.sleep(event)
    print("RAN")
    return "answered"
"""
LONG_S = 100


def busy(server: Server) -> int:
    with urllib.request.urlopen(f"{server.endpoint}/_lamina/health", timeout=60) as answer:
        return int(json.load(answer)["environments"]["busy"])


def is_deaf(server: Server) -> bool:
    address = urlsplit(server.endpoint)
    try:
        socket.create_connection((str(address.hostname), address.port or 0), timeout=60).close()
    except OSError:
        return True
    return False


def waiting_events(state: Path) -> bool:
    catalog = SqlCatalog.look(f"sqlite:///{state}/catalog.db")
    with catalog.reading() as transaction:
        due = transaction.events.next_due()
    catalog.close()
    return due is not None


def test_calls_and_events_under_way_are_finished_and_nobody_new_is_let_in(tmp_path: Path) -> None:
    with Server.started(tmp_path / "state", {"LAMINA_DRAIN_SECONDS": "60"}) as server, ThreadPoolExecutor(1) as pool:
        function = create(server, SLOW, Timeout=60)
        function.value(0)
        called = pool.submit(function.value, 1.5)
        function.client.invoke(FunctionName=function.name, InvocationType="Event", Payload="1.5")
        wait_until(lambda: busy(server) == 2, what="both are under way")
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: is_deaf(server), what="nobody new is let in")
        assert called.result() == "answered"
        assert server.process.wait(60) == 0
    assert not waiting_events(tmp_path / "state")
    assert [line for line in logged(tmp_path / "state", function.name) if line.startswith("RAN")] == ["RAN\n"] * 3


def test_a_call_that_takes_longer_gets_an_error_and_an_event_is_kept(tmp_path: Path) -> None:
    with Server.started(tmp_path / "state", {"LAMINA_DRAIN_SECONDS": "0"}) as server, ThreadPoolExecutor(1) as pool:
        function = create(server, SLOW, Timeout=LONG_S)
        called = pool.submit(function.value, LONG_S)
        function.client.invoke(FunctionName=function.name, InvocationType="Event", Payload=str(LONG_S))
        wait_until(lambda: busy(server) == 2, what="both are under way")
        assert server.stop() == 0
        with pytest.raises(ClientError, match=r"ServiceException.*is stopping"):
            called.result()
    assert waiting_events(tmp_path / "state")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with Server.started(tmp_path / "state", {"LAMINA_DRAIN_SECONDS": "600"}) as server, ThreadPoolExecutor(1) as pool:
        function = create(server, SLOW, Timeout=600)
        called = pool.submit(function.value, 600)
        wait_until(lambda: busy(server) == 1, what="it is under way")
        server.process.send_signal(number)
        wait_until(lambda: is_deaf(server), what="the first signal has come")
        # Longer than the harness waits: only the second makes this end.
        assert server.stop() == 0
        assert called.exception() is not None
