"""Somebody else holds the catalog's write lock: who writes waits, who reads or invokes does not."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.support import zips
from tests.support.functions import create, layer, wait_until
from tests.support.server import Server

pytestmark = pytest.mark.anybody


def test_only_writers_wait_and_they_are_served_in_the_end(server: Server) -> None:
    arn = layer(server, {"one": b"1"}, "base")
    function = create(server, "def handler(event, context): return event", Layers=[arn])
    # Its activation writes, too.
    wait_until(lambda: function.settled)
    with closing(sqlite3.connect(server.state / "catalog.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as threads:
            publishing = threads.submit(layer, server, zips.of({"two": b"2"}), "base")
            # Cold, for want of any environment: nothing of a start is written down.
            assert function.value(7) == 7
            assert server.client().get_layer_version_by_arn(Arn=arn)["Version"] == 1
            assert not publishing.done()
            other.execute("COMMIT")
            assert publishing.result(60).endswith(":base:2")
