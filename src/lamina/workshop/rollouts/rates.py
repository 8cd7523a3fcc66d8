"""How many invocations of functions failed in a while: by CloudWatch's metrics, or by what the functions logged.

AWS counts for every function, some minutes late at worst. Where there are no metrics, or none yet of the while that is
asked about, there are logs: in them an invocation is a REPORT line, and it failed when its runtime said so before that,
which Python, Node.js and Ruby do, or the platform did (time outs, processes that ended).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from lamina.rollouts.consumers import Place
from lamina.rollouts.verdicts import Rates
from lamina.workshop.endpoint import Endpoint, EndpointError

_FAILED: Final = re.compile(r"^\[ERROR\] |\tERROR\t(Invoke|Uncaught Exception|Unhandled Promise)|Task timed out after ")
_REPORT: Final = "REPORT RequestId: "
_STATUS: Final = re.compile(r"\tStatus: (error|timeout)")
_STREAM_VERSION: Final = re.compile(r"\[([^\]]+)\][0-9a-f]+$")
_PERIOD_S: Final = 60
# GetMetricData answers 500 queries at a time, and a function is four.
_FUNCTIONS_MAX: Final = 100
_THREADS: Final = 8


@dataclass(frozen=True, slots=True)
class Watched:
    """A function whose errors are counted: those of its `alias` if there is one, during a bake of `version` alone."""

    place: Place
    function: str
    name: str
    alias: str | None
    version: str | None


@dataclass(frozen=True, slots=True)
class _Span:
    """Three moments in milliseconds: what is compared is from the first to the second, and from there to the third."""

    before_ms: int
    since_ms: int
    until_ms: int


def error_rates(
    watched: Sequence[Watched], endpoint: Callable[[Place], Endpoint], since_ms: int, until_ms: int
) -> dict[str, tuple[Rates, Rates]]:
    """The rates of each function before that time, for as long, and during it; none of one that was not invoked.

    Raises EndpointError where neither metrics nor logs can be had.
    """
    span = _Span(2 * since_ms - until_ms, since_ms, until_ms)
    found: dict[str, tuple[Rates, Rates]] = {}
    for place in dict.fromkeys(one.place for one in watched):
        here = [one for one in watched if one.place == place]
        rates = _by_metrics(here, endpoint(place), span)
        missing = [one for one in here if one.function not in rates]
        found |= rates | _by_logs(missing, endpoint(place), span)
    return {function: rates for function, rates in found.items() if rates[1].invocations}


def _by_metrics(watched: Sequence[Watched], endpoint: Endpoint, span: _Span) -> dict[str, tuple[Rates, Rates]]:
    """What the metrics tell; nothing of functions that have none for the later while, or where there are no metrics."""
    client = endpoint.client("cloudwatch")
    found: dict[str, tuple[Rates, Rates]] = {}
    rest = iter(watched)
    while some := list(islice(rest, _FUNCTIONS_MAX)):
        try:
            with endpoint.asking():
                results = _metrics(client, some, span)
        except EndpointError:
            return found
        for number, one in enumerate(some):
            sums = [results[f"m{number}{what}"] for what in ("ib", "eb", "id", "ed")]
            # Counted by the minute, and told late: none is no sign that there were none.
            if sums[2]:
                found[one.function] = Rates(sums[0], sums[1]), Rates(sums[2], sums[3])
    return found


def _metrics(client: Any, watched: Sequence[Watched], span: _Span) -> dict[str, int]:
    """Sums by query: m<number>, i for invocations or e for errors, b for before or d for during."""
    queries = []
    for number, one in enumerate(watched):
        every = {"FunctionName": one.name, "Resource": one.name if one.alias is None else f"{one.name}:{one.alias}"}
        new = every if one.alias is None or one.version is None else {**every, "ExecutedVersion": one.version}
        for when, dimensions in (("b", every), ("d", new)):
            queries += [
                _query(f"m{number}{metric[0].lower()}{when}", metric, dimensions)
                for metric in ("Invocations", "Errors")
            ]
    sums: dict[str, int] = defaultdict(int)
    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=_moment(span.before_ms), EndTime=_moment(span.until_ms)
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
                if (moment.timestamp() * 1000 < span.since_ms) == result["Id"].endswith("b"):
                    sums[result["Id"]] += int(value)
    return sums


def _query(id_: str, metric: str, dimensions: Mapping[str, str]) -> dict[str, Any]:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    counted = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": named}
    return {"Id": id_, "MetricStat": {"Metric": counted, "Period": _PERIOD_S, "Stat": "Sum"}}


def _by_logs(watched: Sequence[Watched], endpoint: Endpoint, span: _Span) -> dict[str, tuple[Rates, Rates]]:
    if not watched:
        return {}
    lambda_, logs = (endpoint.client(service, connections=_THREADS) for service in ("lambda", "logs"))

    def read(one: Watched) -> tuple[Rates, Rates]:
        try:
            with endpoint.asking():
                told = lambda_.get_function_configuration(FunctionName=one.function)
                group = (told.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{one.name}"
                events = list(_events(logs, group, span))
        except EndpointError as error:
            if error.api_code != "ResourceNotFoundException":
                raise
            # The function is gone, or has not said anything yet.
            events = []
        before = [event for event in events if event["timestamp"] < span.since_ms]
        during = [event for event in events if event["timestamp"] >= span.since_ms]
        return count(before, None), count(during, one.version if one.alias else None)

    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip((one.function for one in watched), pool.map(read, watched), strict=True))


def _events(logs: Any, group: str, span: _Span) -> Iterator[Mapping[str, Any]]:
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=span.before_ms, endTime=span.until_ms
    )
    for page in pages:
        yield from page["events"]


def count(events: Iterable[Mapping[str, Any]], version: str | None) -> Rates:
    """How many invocations log *events*, in the order in which they came, tell of; of *version* alone if given."""
    invocations = errors = 0
    failing: set[str] = set()
    for event in events:
        stream, text = str(event["logStreamName"]), str(event["message"])
        found = _STREAM_VERSION.search(stream)
        if version is not None and found is not None and found[1] != version:
            continue
        ended, failed = _read(text)
        if failed:
            failing.add(stream)
        if ended:
            # An environment has one invocation at a time, and a stream of its own.
            invocations += 1
            errors += stream in failing
            failing.discard(stream)
    return Rates(invocations, errors)


def _read(line: str) -> tuple[bool, bool]:
    """Whether *line* ends an invocation, and whether it says that one failed."""
    if line.startswith("{"):
        try:
            told = json.loads(line)
        except ValueError:
            return False, False
        if isinstance(told, dict) and told.get("type") == "platform.report":
            return True, (told.get("record") or {}).get("status") != "success"
        return False, False
    if line.startswith(_REPORT):
        return True, _STATUS.search(line) is not None
    return False, _FAILED.search(line) is not None


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
