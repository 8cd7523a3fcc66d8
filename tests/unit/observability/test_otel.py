"""OpenTelemetry's variables."""

from __future__ import annotations

import pytest

from lamina import __version__
from lamina.observability.otel import BadVariable, read
from lamina.observability.spans import Sampler

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def test_nothing_is_sent_unless_somebody_says_where_to() -> None:
    assert read({}) is None
    assert read({"OTEL_TRACES_SAMPLER": "nonsense", "OTEL_EXPORTER_OTLP_ENDPOINT": ""}) is None


@pytest.mark.parametrize("no", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_it_can_be_switched_off(no: dict[str, str]) -> None:
    assert read(ENDPOINT | no) is None


def test_what_is_usual_is_the_default() -> None:
    plan = read(ENDPOINT)
    assert plan is not None
    assert plan.url == "http://collector:4318/v1/traces"
    assert (plan.headers, plan.timeout_s, plan.delay_s) == ((), 10.0, 5.0)
    assert plan.sampler == Sampler(follows=True, ratio=1.0)
    assert plan.resource == (("service.name", "lamina"), ("service.version", __version__))


def test_the_variables_of_traces_win() -> None:
    plan = read(
        {
            **ENDPOINT,
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://other/path?q=1",
            "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "api-key=a%20b , c=d=e",
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "250",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=ours,deployment.environment.name=test",
        }
    )
    assert plan is not None
    assert plan.url == "https://other/path?q=1"
    assert plan.headers == (("api-key", "a b"), ("c", "d=e"))
    assert (plan.timeout_s, plan.delay_s) == (0.25, 0.1)
    assert dict(plan.resource)["service.name"] == "ours"
    assert dict(plan.resource)["deployment.environment.name"] == "test"


@pytest.mark.parametrize(
    ("sampler", "argument", "expected"),
    [
        ("always_on", "", Sampler(follows=False, ratio=1.0)),
        ("always_off", "", Sampler(follows=False, ratio=0.0)),
        ("traceidratio", "0.25", Sampler(follows=False, ratio=0.25)),
        ("parentbased_traceidratio", "0", Sampler(follows=True, ratio=0.0)),
        ("parentbased_always_off", "0.5", Sampler(follows=True, ratio=0.0)),
    ],
)
def test_samplers(sampler: str, argument: str, expected: Sampler) -> None:
    plan = read(ENDPOINT | {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument})
    assert plan is not None
    assert plan.sampler == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "http://127.0.0.1:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://x", "http://127.0.0.1:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x:99999", "http://127.0.0.1:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf", "http/json"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1.5", "milliseconds"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", "parentbased_always_on"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "otlp or none"),
    ],
)
def test_what_makes_no_sense_is_told_by_its_name(name: str, value: str, expected: str) -> None:
    with pytest.raises(BadVariable, match=expected) as told:
        read(ENDPOINT | {name: value})
    assert (told.value.name, told.value.value) == (name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_HEADERS", "key"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b%0d%0ac"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:password@collector"),
    ],
)
def test_what_may_be_a_key_is_not_shown(name: str, value: str) -> None:
    with pytest.raises(BadVariable) as told:
        read(ENDPOINT | {name: value})
    assert (told.value.name, told.value.value) == (name, None)
    assert value not in str(told.value)


@pytest.mark.parametrize("share", ["2", "-0.1", "half", "nan"])
def test_a_share_is_from_0_to_1(share: str) -> None:
    with pytest.raises(BadVariable, match="from 0 to 1"):
        read(ENDPOINT | {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": share})
