"""The spans of a request, and how they hang together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from lamina.names import FunctionArn, Scope
from lamina.observability import otlp
from lamina.observability.exchanges import UNKNOWN, Exchange, current
from lamina.observability.passages import Passage, Start
from lamina.observability.spans import SERVER, Attributes, Sampler, Span, TraceContext
from lamina.observability.tracing import TracingMeter

SCOPE = Scope("123456789012", "eu-west-1")
FUNCTION = FunctionArn(SCOPE, "f", None)
TRACE = "5759e988bd862e3fe1be46a994272793"
GIVEN = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a:0"
FRESH = "Root=1-00000001-000000000000000000000001;Parent=0000000000000009;Sampled=0"


@dataclass
class House:
    """A meter whose identifiers count up, and the spans it made."""

    sampler: Sampler = field(default_factory=lambda: Sampler(follows=True, ratio=1.0))
    spans: list[Span] = field(default_factory=list)

    def __post_init__(self) -> None:
        numbers = count(1)
        self.meter = TracingMeter(
            self.sampler,
            self.spans.append,
            lambda size: f"{next(numbers):0{2 * size}x}",
            lambda: FRESH,
            lambda: 1000 * 10**9,
        )

    def request(self, trace: str | None, operation: str = "Invoke") -> Exchange:
        exchange = Exchange("id", SCOPE, "lambda", 1.0, trace, operation, "f")
        current.set(exchange)
        return exchange

    def call(self, header: str, *, start: Start | None = None, failed: bool = False) -> str | None:
        """Run a call that came with *header*: what its function was given."""
        given = self.meter.enter(header)
        self.meter.invoked(Passage(FUNCTION, "7", "id", given or header, 1.25, 1.5, 1.75, failed, start))
        if given is not None:
            self.meter.leave(given)
        return given

    def named(self) -> dict[str, Span]:
        named = {span.name: span for span in self.spans}
        assert len(named) == len(self.spans)
        return named


@pytest.fixture(autouse=True)
def _no_request_left() -> Iterator[None]:
    token = current.set(None)
    yield
    current.reset(token)


def test_from_the_callers_span_to_the_functions() -> None:
    house = House()
    exchange = house.request(GIVEN)
    given = house.call(house.meter.header(GIVEN), start=Start("on-demand", 1.25, 1.3, 1.375, 1.5))
    house.meter.answered(exchange, 200, 2.0)
    spans = house.named()
    assert {span.trace_id for span in house.spans} == {TRACE}
    gateway, queue, invoke = spans["Lambda/Invoke"], spans["queue"], spans["invoke f"]
    assert (gateway.parent_id, gateway.kind) == ("53995c3f42cd8ad8", SERVER)
    assert queue.parent_id == invoke.parent_id == gateway.span_id
    assert spans["sandbox"].parent_id == spans["init"].parent_id == queue.span_id
    assert invoke.attributes["faas.coldstart"] is True
    assert given is not None
    # What the function reports itself hangs below its invocation, and the rest of the header is as it was.
    assert TraceContext.parse(given) == TraceContext(TRACE, invoke.span_id, True, ("Lineage=1:a:0",))
    assert (gateway.start_ns, gateway.end_ns) == (1001 * 10**9, 1002 * 10**9)
    assert (spans["init"].start_ns, spans["init"].end_ns) == (1_001_375_000_000, 1_001_500_000_000)


def test_an_environment_that_stood_ready_kept_nobody_waiting() -> None:
    house = House()
    house.call(GIVEN, start=Start("on-demand", 0.5, 0.5, 0.75, 1.0))
    assert set(house.named()) == {"queue", "invoke f"}
    assert house.named()["invoke f"].attributes["faas.coldstart"] is False


def test_who_brings_no_trace_begins_one() -> None:
    house = House()
    exchange = house.request(None)
    header = TraceContext.parse(house.meter.header(None))
    house.meter.answered(exchange, 202, 2.0)
    (span,) = house.spans
    assert header == TraceContext(span.trace_id, span.span_id, True)
    assert (span.trace_id, span.parent_id) == ("00000001" + "0" * 23 + "1", None)


def test_an_event_that_runs_later_hangs_below_its_request() -> None:
    house = House()
    exchange = house.request(GIVEN)
    kept = house.meter.header(GIVEN)
    house.meter.answered(exchange, 202, 1.25)
    house.call(kept)
    assert house.named()["invoke f"].parent_id == house.named()["Lambda/Invoke"].span_id


@pytest.mark.parametrize(
    ("sampler", "header"),
    [
        (Sampler(follows=True, ratio=1.0), GIVEN.replace("Sampled=1", "Sampled=0")),
        (Sampler(follows=False, ratio=0.0), GIVEN),
        (Sampler(follows=False, ratio=0.0), None),
    ],
)
def test_what_is_not_recorded_goes_through_as_it_came(sampler: Sampler, header: str | None) -> None:
    house = House(sampler)
    exchange = house.request(header)
    passed = house.meter.header(header)
    assert passed == (header or FRESH)
    assert house.call(passed) is None
    house.meter.answered(exchange, 200, 2.0)
    assert house.spans == []


def test_every_operation_has_a_span_and_what_is_none_has_not() -> None:
    house = House()
    house.meter.answered(house.request(None, "GetFunction"), 503, 2.0)
    house.meter.answered(house.request(None, UNKNOWN), 404, 2.0)
    (span,) = house.spans
    assert (span.name, span.error) == ("Lambda/GetFunction", "HTTP status 503")
    assert span.attributes["rpc.method"] == "GetFunction"


def test_a_failed_function_is_an_error_and_is_counted_as_ever() -> None:
    house = House()
    house.call(GIVEN, failed=True)
    assert house.named()["invoke f"].error is not None
    assert house.named()["queue"].error is None
    assert house.meter.functions.of(FUNCTION).errors == 1


def test_as_json_ids_are_hexadecimal_and_nanoseconds_are_strings() -> None:
    attributes: Attributes = {"text": "\N{SNOWMAN}", "whole": 3, "part": 0.5, "so": True}
    span = Span(TRACE, "a" * 16, None, "n", SERVER, 1, 2**62, attributes, "why")
    (of_resource,) = json.loads(otlp.document([span], {"service.name": "x"}))["resourceSpans"]
    assert of_resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "x"}}]
    (told,) = of_resource["scopeSpans"][0]["spans"]
    assert told == {
        "traceId": TRACE,
        "spanId": "a" * 16,
        "name": "n",
        "kind": 2,
        "startTimeUnixNano": "1",
        "endTimeUnixNano": str(2**62),
        "attributes": [
            {"key": "text", "value": {"stringValue": "\N{SNOWMAN}"}},
            {"key": "whole", "value": {"intValue": "3"}},
            {"key": "part", "value": {"doubleValue": 0.5}},
            {"key": "so", "value": {"boolValue": True}},
        ],
        "status": {"code": 2, "message": "why"},
    }


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", None),
        (b"{}", None),
        (b"no json", None),
        (b"[]", None),
        (b'{"partialSuccess": {}}', None),
        (b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "full"}}', "2 spans: full"),
    ],
)
def test_a_collector_may_take_a_part(answer: bytes, said: str | None) -> None:
    assert otlp.rejected(answer) == said
