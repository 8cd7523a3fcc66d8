"""Two hundred invocations at once: each answered rightly, one at a time in each environment, and nothing left."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import leaks
from tests.support.functions import Function, create, wait_until
from tests.support.server import Server
from tests.support.traces import environments_of, near, traces_of

pytestmark = pytest.mark.alone

AT_ONCE = 200
SLEEPING = """
import os, time, uuid
environment = str(uuid.uuid4())
busy = False
def handler(event, context):
    global busy
    assert not busy, "two events at a time"
    busy = True
    began = time.monotonic()
    time.sleep(0.1)
    busy = False
    return {"event": event, "environment": environment, "began": began, "ended": time.monotonic(),
            "request": context.aws_request_id}
"""


def test_two_hundred_at_once_and_nothing_is_left(tmp_path: Path) -> None:
    before = leaks.look(tmp_path)
    with Server.started(tmp_path / "state", {"LAMBDA_KEEPALIVE_MS": "500"}) as server:
        function = create(server, SLEEPING, MemorySize=128, Timeout=60)
        client = server.client(max_pool_connections=AT_ONCE)
        function = Function(server, client, function.name)
        # What stands ready for the next cold start stays; that is what everything has to come back to.
        function.value()
        wait_until(lambda: environments_of(server) == 0, 20, "the first has ended")
        quiet = traces_of(server)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(function.call, range(AT_ONCE)))
        assert [answer.error for answer in answers] == [None] * AT_ONCE
        assert [answer.value["event"] for answer in answers] == list(range(AT_ONCE))
        assert [answer.value["request"] for answer in answers] == [answer.request_id for answer in answers]
        assert len({answer.request_id for answer in answers}) == AT_ONCE
        client.close()
        _check_one_at_a_time([answer.value for answer in answers])

        wait_until(lambda: environments_of(server) == 0, 30, "idle environments have ended")
        # Two blanks are kept ahead; which of them stand ready at a moment may differ.
        wait_until(lambda: near(traces_of(server), quiet), what=f"back to {quiet}")
    assert leaks.left_behind(before, tmp_path) == []


def _check_one_at_a_time(values: list[dict[str, float]]) -> None:
    """No two events overlap in one environment. All clocks are the machine's."""
    by_environment: dict[float, list[tuple[float, float]]] = {}
    for value in values:
        by_environment.setdefault(value["environment"], []).append((value["began"], value["ended"]))
    for spans in by_environment.values():
        spans.sort()
        assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(spans))
    assert len(by_environment) > 1


def test_cold_starts_of_many_functions_at_once(shared_server: Server) -> None:
    functions = [create(shared_server, f"def handler(e, c): return {index}") for index in range(24)]
    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(lambda function: function.value(), functions)) == list(range(24))
