"""What `lamina top` shows: two looks at a server's counts, and what happened between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from lamina.observability.histograms import quantile

# A server's counts as it tells them: docs/formats has none, for both ends are of one version.
Look = Mapping[str, Any]

_COUNTS: Final = ("calls", "errors", "throttles", "cold")


@dataclass(frozen=True, slots=True)
class Row:
    """One function, or "other" for all that have no figures of their own.

    `rate` is calls a second, `p50_ms` and `p99_ms` estimates of how long they took, all of the time between two looks;
    None of no call. The counts are since the server began. `memory_bytes` is what its environments hold, None where
    nobody counts that.
    """

    account: str
    region: str
    function: str
    rate: float
    p50_ms: float | None
    p99_ms: float | None
    calls: int
    errors: int
    throttles: int
    cold: int
    busy: int
    idle: int
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class View:
    """All of a server, over `seconds`: its functions, those called most first, and its environments by state."""

    seconds: float
    rate: float
    environments: Mapping[str, int]
    environments_max: int
    memory_bytes: int | None
    functions: tuple[Row, ...]

    def document(self) -> Mapping[str, Any]:
        """For JSON."""
        return asdict(self)


def view(before: Look, now: Look) -> View:
    """What there is *now*, and what has happened since *before*; counts of another server are counted from zero."""
    seconds = now["at"] - before["at"]
    earlier = {_key(told): told for told in before["functions"]} if before["began"] == now["began"] else {}
    rows = [_row(earlier.get(_key(told)), told, seconds, now["bounds"]) for told in now["functions"]]
    rows.sort(key=lambda row: (-row.rate, -row.busy, -row.calls, row.function, row.account, row.region))
    held = [row.memory_bytes for row in rows if row.memory_bytes is not None]
    return View(
        seconds=round(seconds, 3),
        rate=round(sum(row.rate for row in rows), 1),
        environments=now["environments"],
        environments_max=now["environments_max"],
        memory_bytes=sum(held) if held else None,
        functions=tuple(rows),
    )


def _key(told: Mapping[str, Any]) -> tuple[str, str, str]:
    return told["account"], told["region"], told["function"]


def _row(before: Mapping[str, Any] | None, now: Mapping[str, Any], seconds: float, bounds: Sequence[float]) -> Row:
    counts = [int(count) for count in now["durations"]]
    if before is not None and before["calls"] <= now["calls"]:
        counts = [count - earlier for count, earlier in zip(counts, before["durations"], strict=True)]
    return Row(
        account=now["account"],
        region=now["region"],
        function=now["function"],
        rate=round(sum(counts) / seconds, 1) if seconds > 0 else 0.0,
        p50_ms=_ms(quantile(counts, 0.5, bounds)),
        p99_ms=_ms(quantile(counts, 0.99, bounds)),
        **{name: now[name] for name in _COUNTS},
        busy=now["busy"],
        idle=now["idle"],
        memory_bytes=now["memory_bytes"],
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
