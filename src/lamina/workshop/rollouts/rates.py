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
    """A function whose errors are counted: those of its `alias` if there is one, during a bake of `version` alone.

    `touched_ms` is when the roll-out began to change it.
    """

    place: Place
    function: str
    name: str
    alias: str | None
    version: str | None
    touched_ms: int

    @property
    def new_version(self) -> str | None:
        """Whose invocations the new layers answer, of an alias; None where a moment parts old and new."""
        return self.version if self.alias is not None else None


@dataclass(frozen=True, slots=True)
class _Span:
    """A bake in milliseconds."""

    since_ms: int
    until_ms: int

    def before(self, one: Watched) -> tuple[int, int]:
        """As long a time of *one* with its old layers.

        A function gets the new ones some time before the bake begins, and what it fails at with them is not to be
        counted for the old. An alias's versions are told apart, and the old one serves on.
        """
        end_ms = self.since_ms if one.new_version is not None else one.touched_ms
        return end_ms - (self.until_ms - self.since_ms), end_ms

    def from_ms(self, watched: Iterable[Watched]) -> int:
        """Where the earliest of those times begins."""
        return min(self.before(one)[0] for one in watched)


def error_rates(
    watched: Sequence[Watched], endpoint: Callable[[Place], Endpoint], since_ms: int, until_ms: int
) -> dict[str, tuple[Rates, Rates]]:
    """The rates of each function with its old layers, and with the new ones from *since_ms* to *until_ms*.

    The old ones' are of as long a time before. There is nothing of a function that was not invoked in the later one.

    Raises EndpointError where neither metrics nor logs can be had.
    """
    span = _Span(since_ms, until_ms)
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
            before, during = results[number]
            # Counted by the minute, and told late: none is no sign that there were none.
            if during.invocations:
                found[one.function] = before, during
    return found


def _metrics(client: Any, watched: Sequence[Watched], span: _Span) -> list[tuple[Rates, Rates]]:
    """What each was counted before the bake and during it."""
    queries = []
    for number, one in enumerate(watched):
        every = {"FunctionName": one.name, "Resource": one.name if one.alias is None else f"{one.name}:{one.alias}"}
        new = every if one.new_version is None else {**every, "ExecutedVersion": one.new_version}
        for what, dimensions in (("every", every), ("new", new)):
            queries += [
                _query(f"m{number}_{what}_{metric}", metric, dimensions) for metric in ("Invocations", "Errors")
            ]
    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=_moment(span.from_ms(watched)), EndTime=_moment(span.until_ms)
    )
    counted: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for page in pages:
        for result in page["MetricDataResults"]:
            moments = (int(moment.timestamp() * 1000) for moment in result["Timestamps"])
            counted[result["Id"]] += zip(moments, map(int, result["Values"]), strict=True)

    def rates(name: str, from_ms: int, until_ms: int) -> Rates:
        def within(metric: str) -> int:
            return sum(value for at_ms, value in counted[f"{name}_{metric}"] if from_ms <= at_ms < until_ms)

        return Rates(within("Invocations"), within("Errors"))

    found = []
    for number, one in enumerate(watched):
        from_ms, until_ms = span.before(one)
        if one.new_version is None:
            # A minute is told by its beginning, and that in which the layers changed has both.
            before = rates(f"m{number}_every", from_ms, until_ms - _PERIOD_S * 1000 + 1)
        else:
            before = rates(f"m{number}_every", from_ms, until_ms).without(rates(f"m{number}_new", from_ms, until_ms))
        found.append((before, rates(f"m{number}_new", span.since_ms, span.until_ms)))
    return found


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
                events = list(_events(logs, group, span.from_ms((one,)), span.until_ms))
        except EndpointError as error:
            if error.api_code != "ResourceNotFoundException":
                raise
            # The function is gone, or has not said anything yet.
            events = []
        from_ms, until_ms = span.before(one)
        before = [event for event in events if from_ms <= event["timestamp"] < until_ms]
        during = [event for event in events if event["timestamp"] >= span.since_ms]
        new = one.new_version
        return count(before, lambda version: version != new), count(during, lambda version: new in (None, version))

    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip((one.function for one in watched), pool.map(read, watched), strict=True))


def _events(logs: Any, group: str, from_ms: int, until_ms: int) -> Iterator[Mapping[str, Any]]:
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=from_ms, endTime=until_ms)
    for page in pages:
        yield from page["events"]


def count(events: Iterable[Mapping[str, Any]], counts: Callable[[str], bool] = lambda _version: True) -> Rates:
    """How many invocations log *events*, in the order in which they came, tell of; of versions that *counts*."""
    invocations = errors = 0
    failing: set[str] = set()
    for event in events:
        stream, text = str(event["logStreamName"]), str(event["message"])
        found = _STREAM_VERSION.search(stream)
        if found is not None and not counts(found[1]):
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
