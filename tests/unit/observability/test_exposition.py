"""Metrics as Prometheus reads them."""

from __future__ import annotations

from lamina.names import FunctionArn, Scope
from lamina.observability.exchanges import Exchange
from lamina.observability.exposition import counted, exposition
from lamina.observability.families import FAMILIES
from lamina.observability.histograms import BOUNDS
from lamina.observability.meter import Meter
from lamina.observability.passages import Passage, Start

SCOPE = Scope("123456789012", "eu-west-1")
FUNCTION = FunctionArn(SCOPE, "f", None)
NAMES = 'account="123456789012",region="eu-west-1",function="f"'


def _passage(*, failed: bool = False, start: Start | None = None) -> Passage:
    return Passage(FUNCTION, "$LATEST", "id", None, 10.0, 10.5, 10.75, failed, start)


def _started(initialization: str = "on-demand") -> Start:
    return Start(initialization, 1.0, 1.5, 1.75, 2.75)


def _lines(meter: Meter) -> list[str]:
    return exposition(counted(meter)).splitlines()


def test_invocations_are_told_by_function() -> None:
    meter = Meter()
    meter.invoked(_passage(start=_started()))
    meter.invoked(_passage(failed=True))
    meter.throttled(FUNCTION)
    lines = _lines(meter)
    assert f"lamina_invocations_total{{{NAMES}}} 2" in lines
    assert f"lamina_invocation_errors_total{{{NAMES}}} 1" in lines
    assert f"lamina_invocation_throttles_total{{{NAMES}}} 1" in lines
    assert f"lamina_cold_invocations_total{{{NAMES}}} 1" in lines
    assert f'lamina_invocation_duration_seconds_bucket{{{NAMES},le="0.1"}} 0' in lines
    assert f'lamina_invocation_duration_seconds_bucket{{{NAMES},le="0.25"}} 2' in lines
    assert f'lamina_invocation_duration_seconds_bucket{{{NAMES},le="+Inf"}} 2' in lines
    assert f"lamina_invocation_duration_seconds_sum{{{NAMES}}} 0.5" in lines
    assert f"lamina_invocation_duration_seconds_count{{{NAMES}}} 2" in lines
    assert "lamina_invocation_wait_seconds_sum 1.0" in lines


def test_nobody_waits_for_a_provisioned_environment() -> None:
    meter = Meter()
    meter.invoked(_passage(start=_started("provisioned-concurrency")))
    assert f"lamina_cold_invocations_total{{{NAMES}}} 0" in _lines(meter)


def test_starts_are_told_by_phase() -> None:
    meter = Meter()
    meter.started(_started())
    meter.start_failed("snap-start")
    lines = _lines(meter)
    for phase, seconds in (("turn", 0.5), ("sandbox", 0.25), ("init", 1.0)):
        labels = f'initialization="on-demand",phase="{phase}"'
        assert f"lamina_environment_start_seconds_sum{{{labels}}} {seconds}" in lines
        assert f"lamina_environment_start_seconds_count{{{labels}}} 1" in lines
    assert 'lamina_environment_start_failures_total{initialization="snap-start"} 1' in lines


def test_requests_are_told_by_operation_and_status() -> None:
    meter = Meter()
    for status in (200, 200, 404):
        exchange = Exchange("id", SCOPE, "lambda", 1.0, operation="GetFunction")
        meter.answered(exchange, status, 1.5)
        assert exchange.over
    lines = _lines(meter)
    assert 'lamina_api_requests_total{service="lambda",operation="GetFunction",code="200"} 2' in lines
    assert 'lamina_api_requests_total{service="lambda",operation="GetFunction",code="404"} 1' in lines
    assert 'lamina_api_request_duration_seconds_sum{service="lambda",operation="GetFunction"} 1.5' in lines
    assert 'lamina_api_request_duration_seconds_count{service="lambda",operation="GetFunction"} 3' in lines


def test_what_would_end_a_label_does_not() -> None:
    text = exposition({"lamina_build_info": [(('a"b\\c\nd',), 1)]})
    assert text.endswith('lamina_build_info{version="a\\"b\\\\c\\nd"} 1\n')


def test_names_follow_the_conventions_and_series_of_one_family_stand_together() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert family.name.endswith("_total") == (family.kind == "counter")
        if family.kind in ("histogram", "summary"):
            assert family.name.endswith("_seconds")
    meter = Meter()
    meter.looked_up("trees", found=True)
    lines = _lines(meter)
    kinds = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(kinds) == len(set(kinds))
    # A histogram without a function has as many series as bounds, and three more.
    assert sum(line.startswith("lamina_invocation_wait_seconds") for line in lines) == len(BOUNDS) + 3
