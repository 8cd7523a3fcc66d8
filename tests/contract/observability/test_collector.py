"""Sending to a collector, over HTTP."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from lamina.observability import otlp
from lamina.observability.otel import ExportPlan, read
from lamina.observability.spans import INTERNAL, Span
from lamina.span_export import Collector, NotTaken
from tests.support.collector import collector

pytestmark = pytest.mark.anybody
SPAN = Span("0" * 31 + "1", "a" * 16, None, "n", INTERNAL, 0, 1)
BODY = otlp.document([SPAN], {})


def _plan(port: int) -> ExportPlan:
    plan = read(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b"}
    )
    assert plan is not None
    return plan


def test_it_gets_json_at_its_path_with_the_headers_that_were_set() -> None:
    with collector() as kept:
        Collector(_plan(kept.port)).send(BODY)
        ((path, headers),) = kept.requests
        assert path == "/v1/traces"
        assert (headers["api-key"], headers["Content-Type"]) == ("a b", "application/json")
        assert set(kept.spans(SPAN.trace_id)) == {"n"}


@pytest.mark.parametrize(("status", "again"), [(503, True), (429, True), (400, False), (401, False)])
def test_what_it_answers_says_whether_it_may_take_them_later(status: int, again: bool) -> None:
    with collector(status) as kept, pytest.raises(NotTaken, match=str(status)) as refused:
        Collector(_plan(kept.port)).send(BODY)
    assert refused.value.again is again


def test_one_that_is_away_or_says_nothing_may_take_them_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NotTaken, match="TimeoutError") as late:
            Collector(replace(_plan(port), timeout_s=0.05)).send(BODY)
    with pytest.raises(NotTaken, match="Refused") as away:
        Collector(_plan(port)).send(BODY)
    assert late.value.again
    assert away.value.again
