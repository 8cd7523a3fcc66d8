"""What is promised of Lamina's speed, and whether a run kept it. docs/SPECIFICATION.md says the same in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.samples import Row, Sample

_TIMES = "times"
Samples = Mapping[str, Sample]
Figure = Callable[[Samples], float]


@dataclass(frozen=True, slots=True)
class Promise:
    """That *figure* of the row *row* is at most, or *at_least*, *limit*; *bound* is that in words."""

    row: str
    thing: str
    bound: str
    figure: Figure
    limit: float
    unit: str
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run says of *promise*: the *value* it came to, or *why* there is none."""

    promise: Promise
    value: float | None
    why: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether it was kept; None where it could not be measured."""
        if self.value is None:
            return None
        if self.promise.at_least:
            return self.value >= self.promise.limit
        return self.value <= self.promise.limit


def median(name: str = "Lamina") -> Figure:
    """The median of *name*."""
    return lambda samples: samples[name].median


def ratio(name: str, beside: str) -> Figure:
    """The median of *name*, divided by that of *beside*."""
    return lambda samples: samples[name].median / samples[beside].median


def more(name: str, beside: str) -> Figure:
    """By how much the median of *name* exceeds that of *beside*."""
    return lambda samples: samples[name].median - samples[beside].median


def tail(name: str = "Lamina") -> Figure:
    """The 99th percentile of *name*, divided by its median."""
    return lambda samples: samples[name].percentile(99) / samples[name].median


def many_layers(samples: Samples) -> float:
    """By how much layers exceed none."""
    (name,) = set(samples) - {"without layers"}
    return more(name, "without layers")(samples)


def _publishing(size_mb: int, bound: str, limit: float) -> Promise:
    row, thing = f"publish-{size_mb}", f"publish {size_mb} MB"
    return Promise(row, thing, f"{bound} MiniStack's", ratio("Lamina", "MiniStack"), limit, _TIMES)


def _cold(row: str, what: str, part: str, limit: float) -> Promise:
    return Promise(row, f"cold start, {what}", f"at most {part} of RIE's", ratio("Lamina", "RIE"), limit, _TIMES)


_AMONG, _ALONE = "Lamina, among them", "Lamina, alone"

PROMISES = (
    Promise("cold-no-layer", "cold start, no layer", "at most 5 ms", median(), 5, "ms"),
    _cold("cold-no-layer", "no layer", "1/8", 1 / 8),
    _cold("cold-requests", "`requests` layer, sources alone", "1/3", 1 / 3),
    _cold("cold-requests-byte-code", "`requests` layer, with byte-code", "1/2", 1 / 2),
    _cold("cold-pandas", "numpy+pandas layer, sources alone", "1/4", 1 / 4),
    _cold("cold-pandas-byte-code", "numpy+pandas layer, with byte-code", "4/5", 4 / 5),
    Promise("snapstart-requests", "SnapStart, `requests` layer", "at most 4 ms", median(), 4, "ms"),
    Promise("snapstart-pandas", "SnapStart, numpy+pandas layer", "at most 4 ms", median(), 4, "ms"),
    Promise("preloaded-requests", "cold start, `requests` preloaded", "at most 6 ms", median(), 6, "ms"),
    Promise("preloaded-pandas", "cold start, numpy+pandas preloaded", "at most 7 ms", median(), 7, "ms"),
    Promise("cold-rate", "cold starts in a second", "at least 150", median(), 150, "/s", at_least=True),
    Promise("five-layers", "cold start, five layers of 5,000 files each", "at most 1 ms more", many_layers, 1, "ms"),
    Promise(
        "node", "cold start, Node.js", "at most 1/4 of `node` by hand", ratio("Lamina", "node by hand"), 1 / 4, _TIMES
    ),
    Promise("warm", "warm call", "at most 1/2 of RIE's", ratio("Lamina", "RIE"), 1 / 2, _TIMES),
    Promise("warm", "warm call, 99th percentile", "at most 4 times the median", tail(), 4, _TIMES),
    Promise(
        "throughput",
        "warm calls of eight clients in a second",
        "at least 4 times RIE's of one client",
        ratio("Lamina, 8 clients", "RIE, 1 client"),
        4,
        _TIMES,
        at_least=True,
    ),
    Promise(
        "crowd-warm",
        "warm call among 1,000 functions and 10,000 layers",
        "within 10 % of what it is alone",
        ratio(_AMONG, _ALONE),
        1.1,
        _TIMES,
    ),
    Promise(
        "crowd-throughput",
        "warm calls of eight clients among them",
        "within 10 % of what they are alone",
        ratio(_AMONG, _ALONE),
        0.9,
        _TIMES,
        at_least=True,
    ),
    Promise("list-functions", "list 1,000 functions, all pages", "at most 100 ms", median(), 100, "ms"),
    Promise("list-layers-page", "one page of 10,000 layers", "at most 3 ms", median(), 3, "ms"),
    # Half was asked of 1 MB, too: docs/decisions/0026 shows why it cannot be had with everything verified and synced.
    _publishing(1, "not slower than", 1),
    _publishing(10, "at most half of", 1 / 2),
    _publishing(45, "at most half of", 1 / 2),
    Promise(
        "again",
        "publish again what differs in one file",
        "unpacked, at most 1/20 of the first version",
        ratio("second version", "first version"),
        1 / 20,
        _TIMES,
    ),
    Promise(
        "rollout",
        "150 of 1,000 functions to another layer version",
        "at most 1/20 of a loop of `aws` commands",
        ratio("Lamina", "bash loop"),
        1 / 20,
        _TIMES,
    ),
    Promise("memory", "50 idle environments, SnapStart, pandas", "at most 5 MB each", median("Lamina, each"), 5, "MB"),
    Promise("idle", "idle server, memory", "at most 90 MB", median("Lamina, all processes"), 90, "MB"),
    Promise("idle", "idle server, processor", "at most 0.1 %", median("Lamina, of one processor"), 0.1, "%"),
    Promise("starting", "first call after `lamina up`", "within 1 s", median("first call"), 1000, "ms"),
)


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """What *rows* say of each promise."""
    by_name = {row.name: row for row in rows}
    return [_verdict(promise, by_name.get(promise.row)) for promise in PROMISES]


def _verdict(promise: Promise, row: Row | None) -> Verdict:
    if row is None:
        return Verdict(promise, None, "not measured in this run")
    if row.skipped is not None:
        return Verdict(promise, None, row.skipped)
    try:
        return Verdict(promise, promise.figure(row.samples))
    except KeyError as missing:
        return Verdict(promise, None, f"{missing.args[0]} took no part")
