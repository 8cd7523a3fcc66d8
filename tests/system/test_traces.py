"""Traces of a running server, as a collector gets them."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.support.collector import Collector
from tests.support.functions import Function, create
from tests.support.server import ACCOUNT, REGION, Server

pytestmark = pytest.mark.anybody

CODE = """
import os
def handler(event, context):
    return os.environ["_X_AMZN_TRACE_ID"]
"""
CALLER = "53995c3f42cd8ad8"


def _traced_call(server: Server, function: Function, sampled: int = 1, **options: Any) -> tuple[str, Any]:
    """The id of a new trace, and what an invocation in it answers."""
    trace_id = f"5759e988{secrets.token_hex(12)}"
    client = server.client()

    def add_header(request: Any, **_: object) -> None:
        header = f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={CALLER};Sampled={sampled}"
        request.headers["X-Amzn-Trace-Id"] = header

    client.meta.events.register("before-sign.lambda.Invoke", add_header)
    return trace_id, Function(server, client, function.name).call({}, **options).value


def test_a_cold_call_is_followed_from_its_caller_into_the_function(watched_server: tuple[Server, Collector]) -> None:
    server, collected = watched_server
    function = create(server, CODE)
    trace_id, seen = _traced_call(server, function)
    invoke = f"invoke {function.name}"
    spans = collected.wait_for(trace_id, "Lambda/Invoke", "queue", "sandbox", "init", invoke)
    request, queue, call = spans["Lambda/Invoke"], spans["queue"], spans[invoke]
    assert request["parentSpanId"] == CALLER
    assert queue["parentSpanId"] == call["parentSpanId"] == request["spanId"]
    assert spans["sandbox"]["parentSpanId"] == spans["init"]["parentSpanId"] == queue["spanId"]
    own, _, lineage = seen.partition(";Lineage=")
    assert own == f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={call['spanId']};Sampled=1"
    assert lineage.endswith(":1")

    def moments(name: str) -> tuple[int, int]:
        return int(spans[name]["startTimeUnixNano"]), int(spans[name]["endTimeUnixNano"])

    order = [*moments("queue"), *moments(invoke)]
    assert moments("Lambda/Invoke")[0] <= order[0]
    assert order == sorted(order)
    assert moments("sandbox")[1] <= moments("init")[0] <= moments("init")[1] <= order[1]
    attributes = {each["key"]: next(iter(each["value"].values())) for each in call["attributes"]}
    assert attributes["faas.coldstart"] is True
    assert (attributes["cloud.account.id"], attributes["cloud.region"]) == (ACCOUNT, REGION)
    assert {path for path, _ in collected.requests} == {"/v1/traces"}


def test_a_call_hangs_below_the_span_of_a_caller_who_speaks_w3c(watched_server: tuple[Server, Collector]) -> None:
    server, collected = watched_server
    function = create(server, CODE)
    trace_id, client = secrets.token_hex(16), server.client()
    client.meta.events.register(
        "before-sign.lambda.Invoke",
        lambda request, **_: request.headers.add_header("traceparent", f"00-{trace_id}-{CALLER}-01"),
    )
    seen = Function(server, client, function.name).call({}).value
    spans = collected.wait_for(trace_id, "Lambda/Invoke", f"invoke {function.name}")
    assert spans["Lambda/Invoke"]["parentSpanId"] == CALLER
    assert seen.startswith(f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={spans[f'invoke {function.name}']['spanId']}")


def test_what_the_caller_does_not_record_is_not_recorded(watched_server: tuple[Server, Collector]) -> None:
    server, collected = watched_server
    function = create(server, CODE)
    trace_id, seen = _traced_call(server, function, sampled=0)
    assert seen.startswith(f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={CALLER};Sampled=0;Lineage=")
    later, _ = _traced_call(server, function)
    collected.wait_for(later, "Lambda/Invoke")
    assert collected.spans(trace_id) == {}


def test_an_event_hangs_below_the_request_that_it_came_with(watched_server: tuple[Server, Collector]) -> None:
    server, collected = watched_server
    function = create(server, CODE)
    trace_id, _ = _traced_call(server, function, InvocationType="Event", LogType="None")
    spans = collected.wait_for(trace_id, "Lambda/Invoke", f"invoke {function.name}")
    assert spans[f"invoke {function.name}"]["parentSpanId"] == spans["Lambda/Invoke"]["spanId"]


def test_a_variable_that_makes_no_sense_is_told(tmp_path: Path) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with pytest.raises(AssertionError, match="OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc', but must be http/json"):
        Server.start(tmp_path / "state", environ)
