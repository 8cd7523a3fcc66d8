"""Metrics as text, in the format that Prometheus reads (version 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final

from lamina.names import FunctionArn
from lamina.observability.families import FAMILIES, Family
from lamina.observability.histograms import BOUNDS, Histogram
from lamina.observability.meter import Meter

# In the place of a function's names, for all that have no series of their own.
_OTHERS: Final = ("other", "other", "other")

Value = float | Histogram | tuple[float, int]
Labels = tuple[str, ...]
# By a family's name: what tells a series apart, and its value: a summary's is its sum and its count.
Samples = Mapping[str, Iterable[tuple[Labels, Value]]]


def exposition(samples: Samples) -> str:
    """The text of all families that *samples* has something of."""
    lines: list[str] = []
    for family in FAMILIES:
        series = list(samples.get(family.name, ()))
        if series:
            lines += (f"# HELP {family.name} {_help(family.says)}", f"# TYPE {family.name} {family.kind}")
            lines += (line for labels, value in series for line in _lines(family, labels, value))
    return "\n".join(lines) + "\n"


def counted(meter: Meter) -> Samples:
    """What *meter* has counted."""
    functions = [(names(function), figures) for function, figures in meter.functions]
    requests = meter.answers.items()
    answered: dict[tuple[str, str], int] = {}
    for (service, operation, _), count in requests:
        answered[service, operation] = answered.get((service, operation), 0) + count
    return {
        "lamina_api_requests_total": [
            ((service, operation, str(status)), count) for (service, operation, status), count in requests
        ],
        "lamina_api_request_duration_seconds": [
            (key, (meter.answering_seconds[key], count)) for key, count in answered.items()
        ],
        "lamina_invocations_total": [(whose, figures.calls) for whose, figures in functions],
        "lamina_invocation_errors_total": [(whose, figures.errors) for whose, figures in functions],
        "lamina_invocation_throttles_total": [(whose, figures.throttles) for whose, figures in functions],
        "lamina_cold_invocations_total": [(whose, figures.cold) for whose, figures in functions],
        "lamina_invocation_duration_seconds": [(whose, figures.durations) for whose, figures in functions],
        "lamina_invocation_wait_seconds": [((), meter.waits)],
        "lamina_environment_start_seconds": list(meter.starts.items()),
        "lamina_environment_start_failures_total": [((kind,), count) for kind, count in meter.start_failures.items()],
        "lamina_cache_lookups_total": [
            ((cache, "hit" if found else "miss"), count) for (cache, found), count in meter.lookups.items()
        ],
    }


def names(function: FunctionArn | None) -> Labels:
    """Account, region and name of *function*; "other" for those of all that have no figures of their own."""
    return _OTHERS if function is None else (function.scope.account, function.scope.region, function.name)


def _lines(family: Family, labels: Labels, value: Value) -> Iterator[str]:
    pairs = [f'{name}="{_escaped(text)}"' for name, text in zip(family.labels, labels, strict=True)]
    if isinstance(value, Histogram):
        # Buckets are cumulative: each holds those below its bound, the last one all.
        for bound, count in zip((*map(repr, BOUNDS), "+Inf"), accumulate(value.counts), strict=True):
            yield _line(f"{family.name}_bucket", [*pairs, f'le="{bound}"'], count)
        value = (value.seconds, sum(value.counts))
    if isinstance(value, tuple):
        yield _line(f"{family.name}_sum", pairs, value[0])
        yield _line(f"{family.name}_count", pairs, value[1])
    else:
        yield _line(family.name, pairs, value)


def _line(name: str, pairs: Sequence[str], value: float) -> str:
    return f"{name}{{{','.join(pairs)}}} {value!r}" if pairs else f"{name} {value!r}"


def _escaped(text: str) -> str:
    return _help(text).replace('"', '\\"')


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
