"""Layers that people use with Python functions, as their registries have them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support import fetching, zips
from tests.support.functions import create, layer
from tests.support.runtimes import NEWEST
from tests.support.server import Server

VERSION = NEWEST.removeprefix("python")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def powertools(shared_server: Server) -> str:
    """A layer with AWS's toolkit for Python functions and what its extras need."""
    return layer(shared_server, fetching.layer_of(fetching.wheels("powertools", VERSION), "python"))


ORDERS = """
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import BaseModel, parse

logger, metrics, tracer = Logger(), Metrics(), Tracer()
app = APIGatewayRestResolver(enable_validation=True)

class Order(BaseModel):
    item: str
    count: int

@app.post("/orders")
@tracer.capture_method
def order(wanted: Order) -> dict:
    logger.info("ordered", item=wanted.item)
    metrics.add_metric(name="Ordered", unit=MetricUnit.Count, value=wanted.count)
    return {"ordered": wanted.item, "parsed": parse({"item": "pen", "count": "3"}, model=Order).count}

@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    return app.resolve(event, context)
"""


def _request(body: object) -> dict[str, object]:
    """An event of API Gateway, with what the toolkit reads of it."""
    return {
        "path": "/orders",
        "httpMethod": "POST",
        "headers": {"content-type": "application/json"},
        "multiValueHeaders": {},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "body": json.dumps(body),
        "isBase64Encoded": False,
        "requestContext": {"requestId": "correlated", "stage": "live", "path": "/orders"},
    }


def test_powertools_routes_parses_logs_measures_and_traces(shared_server: Server, powertools: str) -> None:
    variables = {"POWERTOOLS_SERVICE_NAME": "orders", "POWERTOOLS_METRICS_NAMESPACE": "Shop"}
    function = create(
        shared_server,
        ORDERS,
        Layers=[powertools],
        MemorySize=512,
        Timeout=30,
        Environment={"Variables": variables},
        TracingConfig={"Mode": "PassThrough"},
    )
    answer = function.call(_request({"item": "ink", "count": 2}))
    assert answer.error is None, answer.raw
    assert answer.value["statusCode"] == 200, answer.value
    assert json.loads(answer.value["body"]) == {"ordered": "ink", "parsed": 3}

    told = [json.loads(line) for line in answer.log.splitlines() if line.startswith("{")]
    (logged,) = [line for line in told if line.get("message") == "ordered"]
    assert logged["function_request_id"] == answer.request_id
    assert logged["function_name"] == function.name
    assert (logged["service"], logged["correlation_id"], logged["cold_start"]) == ("orders", "correlated", True)
    assert logged["xray_trace_id"].startswith("1-")
    measured = {name: value for line in told if "_aws" in line for name, value in line.items()}
    assert (measured["Ordered"], measured["ColdStart"]) == ([2.0], [1.0])

    refused = function.call(_request({"item": "ink"}))
    assert refused.value["statusCode"] == 422
    assert '"missing"' in refused.value["body"]


def test_powertools_has_its_compiled_half_from_the_layer(shared_server: Server, powertools: str) -> None:
    code = "import pydantic_core\ndef handler(event, context): return pydantic_core._pydantic_core.__file__"
    assert create(shared_server, code, Layers=[powertools], Timeout=30).value().startswith("/opt/python/pydantic_core/")


# The script of a tracing layer: what AWS's guide calls a wrapper, given the command that starts the runtime.
_WRAPPER = b"""#!/bin/bash
export OTEL_SERVICE_NAME="${OTEL_SERVICE_NAME:-$AWS_LAMBDA_FUNCTION_NAME}"
export OTEL_PROPAGATORS="${OTEL_PROPAGATORS:-tracecontext,baggage,xray}"
export PYTHONPATH="/opt/python:$LAMBDA_RUNTIME_DIR:$PYTHONPATH"
exec python3 /opt/python/bin/opentelemetry-instrument "$@"
"""


def test_opentelemetry_instruments_by_a_wrapper(shared_server: Server) -> None:
    packages = layer(shared_server, fetching.layer_of(fetching.wheels("opentelemetry", VERSION), "python"))
    wrapper = layer(shared_server, zips.archive(zips.Item("otel-instrument", _WRAPPER, mode=0o100755)))
    code = """
        import sys
        from opentelemetry import trace
        def handler(event, context):
            with trace.get_tracer("mine").start_as_current_span("inner"):
                return [sys.executable, sys.modules["__main__"].__file__]
    """
    variables = {
        "AWS_LAMBDA_EXEC_WRAPPER": "/opt/otel-instrument",
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    function = create(
        shared_server,
        code,
        Layers=[packages, wrapper],
        MemorySize=512,
        Timeout=30,
        Environment={"Variables": variables},
    )
    for _ in range(2):
        answer = function.call({})
        assert answer.error is None, answer.raw
        assert answer.value == [f"/var/lang/bin/{NEWEST}", "/var/runtime/bootstrap.py"]
        spans = {span["name"]: span for span in _objects(answer.log)}
        assert set(spans) == {"inner", function.name}
        outer, inner = spans[function.name], spans["inner"]
        assert outer["kind"] == "SpanKind.SERVER"
        assert outer["attributes"]["faas.invocation_id"] == answer.request_id
        assert outer["resource"]["attributes"]["service.name"] == function.name
        assert inner["parent_id"] == outer["context"]["span_id"]
        assert inner["context"]["trace_id"] == outer["context"]["trace_id"]


def _objects(log: str) -> list[dict[str, Any]]:
    """The JSON objects that stand in *log*, each printed over several lines."""
    return [json.loads(text) for text in re.findall(r"^\{$.*?^\}$", log, re.MULTILINE | re.DOTALL)]
