"""What becomes of idle environments when the machine is short of memory, which a server can be made to believe."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests.support import functions
from tests.support.functions import wait_until
from tests.support.runtimes import NEWEST
from tests.support.server import Server

pytestmark = pytest.mark.alone

COUNTING = """
calls = 0
def handler(event, context):
    global calls
    calls += 1
    return calls
"""
MORE_MB_THAN_THERE_ARE = str(1 << 30)


def environments(server: Server) -> dict[str, int]:
    with urllib.request.urlopen(f"{server.endpoint}/_lamina/health") as answer:
        found: dict[str, int] = json.load(answer)["environments"]
    return found


def given_up(server: Server) -> int:
    """How many snapshots were, so far."""
    return server.said().count("ends until it is called again")


def test_idle_environments_end_before_their_time_but_for_those_that_are_paid_for(tmp_path: Path) -> None:
    with Server.started(tmp_path / "state", {"LAMINA_MEMORY_RESERVE_MB": MORE_MB_THAN_THERE_ARE}) as server:
        function = functions.create(server, COUNTING)
        wait_until(lambda: function.settled, 30)
        version = function.client.publish_version(FunctionName=function.name)["Version"]
        function.client.put_provisioned_concurrency_config(
            FunctionName=function.name, Qualifier=version, ProvisionedConcurrentExecutions=1
        )
        wait_until(lambda: environments(server)["idle"] == 1, 30)
        assert function.call(Qualifier=version).value == 1
        assert function.call().value == 1
        wait_until(lambda: environments(server) == {"alive": 1, "idle": 1, "busy": 0}, 30)
        assert function.call().value == 1, "its environment has ended, which is kept ten minutes else"
        assert function.call(Qualifier=version).value == 2, "what is provisioned stays"


@pytest.mark.skipif(int(NEWEST.partition(".")[2]) < 12, reason="SnapStart takes python3.12, and there is none")
def test_a_snapshot_that_nobody_uses_is_given_up_and_taken_again(tmp_path: Path) -> None:
    environ = {"LAMINA_MEMORY_RESERVE_MB": MORE_MB_THAN_THERE_ARE, "LAMINA_LOG_LEVEL": "info"}
    with Server.started(tmp_path / "state", environ) as server:
        function = functions.create(server, COUNTING, runtime=NEWEST, SnapStart={"ApplyOn": "PublishedVersions"})
        wait_until(lambda: function.settled, 30)
        version = function.client.publish_version(FunctionName=function.name)["Version"]
        wait_until(lambda: given_up(server) >= 1, 60)
        assert function.call(Qualifier=version).value == 1
        wait_until(lambda: given_up(server) >= 2, 60)
        assert function.call(Qualifier=version).value == 1
