"""Extensions in layers: programs of their own beside the runtime, from one layer and from two."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import fetching, zips
from tests.support.functions import Function, create, layer, wait_until
from tests.support.server import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

# As a layer of a few lines would have it, with what the system offers.
_WATCHER = b"""#!/bin/bash
api="http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension"
id=$(curl -sS -o /dev/null -D - -H "Lambda-Extension-Name: $(basename "$0")" "$api/register" \\
    -d '{"events": ["INVOKE", "SHUTDOWN"]}' | tr -d '\\r' | sed -n 's/^Lambda-Extension-Identifier: //Ip')
while event=$(curl -sS -H "Lambda-Extension-Identifier: $id" "$api/event/next"); do
    case $event in
    *'"SHUTDOWN"'*) echo "watcher: SHUTDOWN"; exit 0 ;;
    *) echo "watcher: INVOKE" ;;
    esac
done
"""
_ASKING = """
import json, os, urllib.request
def handler(event, context):
    print("asked", event)
    with urllib.request.urlopen("http://127.0.0.1:4243/", timeout=60) as answer:
        return json.load(answer)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which environments end soon after their last event."""
    with Server.started(tmp_path_factory.mktemp("extensions") / "state", {"LAMBDA_KEEPALIVE_MS": "2000"}) as server:
        yield server


@pytest.fixture(scope="module")
def counter(server: Server) -> str:
    return layer(server, _extension("counter", (fetching.go_program("extension") / "bootstrap").read_bytes()))


@pytest.fixture(scope="module")
def watcher(server: Server) -> str:
    return layer(server, _extension("watcher.sh", _WATCHER))


def _extension(name: str, program: bytes) -> bytes:
    return zips.archive(zips.Item(f"extensions/{name}", program, mode=stat.S_IFREG | 0o755))


def _log_of(function: Function) -> str:
    """All that is in its log group."""
    pages = function.server.client("logs").get_paginator("filter_log_events")
    found = pages.paginate(logGroupName=f"/aws/lambda/{function.name}")
    return "\n".join(event["message"].rstrip("\n") for page in found for event in page["events"])


def _counts(function: Function, number: int) -> dict[str, Any]:
    value: dict[str, Any] = function.value(number)
    return value


def test_an_extension_counts_events_takes_telemetry_and_sees_the_end(server: Server, counter: str) -> None:
    function = create(server, _ASKING, Layers=[counter])
    answers = [function.call(number) for number in range(3)]
    assert [answer.error for answer in answers] == [None] * 3, answers[0].raw
    # Whether it has heard of the event before the function asks is a race; of the one before it surely has.
    ids = [answer.request_id for answer in answers]
    assert answers[2].value["invokes"][:2] == ids[:2]
    assert answers[2].value["told"] == {
        "functionName": function.name,
        "functionVersion": "$LATEST",
        "handler": "index.handler",
        "accountId": "000000000000",
    }
    hidden = ["_HANDLER", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME"]
    assert answers[2].value["unseen"] == hidden

    wanted = {"platform.initStart", "platform.start", "platform.runtimeDone", "platform.report", "function"}
    said = {"asked 0", "asked 1", "asked 2"}
    wait_until(lambda: _heard(_counts(function, 9), wanted, said), 20, f"telemetry of {wanted}", every=0.1)

    told = len(_counts(function, 9)["invokes"])
    log = wait_until(lambda: _ended(_log_of(function), "counter: SHUTDOWN"), 30, "SHUTDOWN is logged", every=0.2)
    assert f"counter: SHUTDOWN spindown after {told} invocations, deadline true" in log


def _heard(counts: dict[str, Any], kinds: set[str], lines: set[str]) -> bool:
    return kinds <= counts["telemetry"].keys() and lines <= set(counts["function"])


def _ended(log: str, line: str) -> str | None:
    return log if line in log else None


def test_two_extensions_from_two_layers_both_see_every_event(server: Server, counter: str, watcher: str) -> None:
    function = create(server, _ASKING, Layers=[counter, watcher])
    assert function.call(0).error is None
    assert function.call(1).error is None
    assert len(function.value(2)["invokes"]) >= 2
    log = wait_until(
        lambda: _ended(log, "counter: SHUTDOWN") if "watcher: SHUTDOWN" in (log := _log_of(function)) else None,
        30,
        "both have seen the end",
        every=0.2,
    )
    assert log.count("watcher: INVOKE") == 3
    assert "counter: SHUTDOWN spindown after 3 invocations" in log


def test_an_extension_that_dies_fails_the_event_by_its_name(server: Server) -> None:
    dying = layer(server, _extension("dying", b"#!/bin/bash\nexit 7\n"))
    answer = create(server, _ASKING, Layers=[dying]).call(0)
    assert answer.error == "Unhandled"
    assert answer.value["errorType"] == "Extension.Crash"
    assert "exit status 7" in answer.value["errorMessage"]
