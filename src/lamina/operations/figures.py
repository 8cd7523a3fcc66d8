"""What a server tells of itself while it runs: every metric for Prometheus, and what `lamina top` looks at."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import lamina
from lamina.catalog.port import Catalog
from lamina.names import Digest, FunctionArn
from lamina.observability.exposition import Samples, counted, exposition, names
from lamina.observability.functions import Figures
from lamina.observability.histograms import BOUNDS
from lamina.observability.meter import Meter
from lamina.worker.census import Census, Resident

# To look at every archive takes a second where there are a hundred thousand.
_LOOK_SECONDS: Final = 60.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = resource.getpagesize()


class Store(Protocol):
    """Where things are kept by digest."""

    def digests(self) -> Iterable[Digest]: ...


class Blobs(Protocol):
    """Where archives are kept."""

    def held(self) -> tuple[int, int]:
        """How many, and their bytes."""
        ...


class ServerFigures:
    """Of one server: what *meter* has counted, what *census* tells, and what is in *catalog*, *blobs* and *stores*.

    *connections* tells how many clients there are, *environments_max* is how many calls may be under way.
    """

    def __init__(
        self,
        meter: Meter,
        catalog: Catalog,
        census: Census,
        blobs: Blobs,
        stores: Mapping[str, Store],
        connections: Callable[[], int],
        environments_max: int,
    ) -> None:
        self._meter = meter
        self._catalog = catalog
        self._census = census
        self._blobs = blobs
        self._stores = stores
        self._connections = connections
        self._environments_max = environments_max
        # Tells counts of this server from those of the one before it.
        self._began = time.time()
        self._kept: Samples = {}
        self._kept_at = float("-inf")

    async def text(self) -> str:
        """Every metric, now; what is kept, as of a minute ago at most. Call on the loop."""
        counts, now = counted(self._meter), self._now()
        memory, process, waiting = await asyncio.gather(
            self._census.memory_held_bytes(), asyncio.to_thread(_process), asyncio.to_thread(self._waiting)
        )
        if memory is not None:
            now["lamina_environments_memory_bytes"] = [((), memory)]
        return exposition({**counts, **now, **process, **waiting, **await self._look_at_stores()})

    async def look(self) -> Mapping[str, Any]:
        """The counts of each function, with its environments, as JSON holds them. Call on the loop."""
        residents = defaultdict[FunctionArn | None, list[Resident]](list)
        for resident in await self._census.residents():
            residents[resident.function].append(resident)
        figures = dict(self._meter.functions)
        return {
            "began": self._began,
            "at": time.monotonic(),
            "bounds": BOUNDS,
            "environments": self._census.states(),
            "environments_max": self._environments_max,
            "functions": [
                _told(name, figures.get(name, Figures()), residents.get(name, ())) for name in {**figures, **residents}
            ],
        }

    def _now(self) -> dict[str, list[tuple[tuple[str, ...], float]]]:
        states = self._census.states().items()
        return {
            "lamina_build_info": [((lamina.__version__,), 1)],
            "lamina_connections": [((), self._connections())],
            "lamina_environments": [((state,), count) for state, count in states],
            "lamina_environments_max": [((), self._environments_max)],
        }

    def _waiting(self) -> Samples:
        with self._catalog.reading() as transaction:
            events, deliveries = transaction.events.count(), transaction.deliveries.count()
        return {"lamina_waiting": [(("events",), events), (("deliveries",), deliveries)]}

    async def _look_at_stores(self) -> Samples:
        if time.monotonic() - self._kept_at >= _LOOK_SECONDS:
            # Whoever asks meanwhile is told what was seen before.
            self._kept_at = time.monotonic()
            self._kept = await asyncio.to_thread(self._look)
        return self._kept

    def _look(self) -> Samples:
        count, size_bytes = self._blobs.held()
        others = [((name,), sum(1 for _ in store.digests())) for name, store in self._stores.items()]
        return {
            "lamina_store_entries": [(("blobs",), count), *others],
            "lamina_store_bytes": [(("blobs",), size_bytes)],
        }


def _told(name: FunctionArn | None, figures: Figures, residents: Sequence[Resident]) -> Mapping[str, Any]:
    account, region, function = names(name)
    held = [resident.memory_bytes for resident in residents if resident.memory_bytes is not None]
    idle = sum(resident.idle for resident in residents)
    return {
        "account": account,
        "region": region,
        "function": function,
        "calls": figures.calls,
        "errors": figures.errors,
        "throttles": figures.throttles,
        "cold": figures.cold,
        "durations": figures.durations.counts,
        "busy": len(residents) - idle,
        "idle": idle,
        "memory_bytes": sum(held) if held else None,
    }


def _process() -> Samples:
    """What the kernel says of this process."""
    # proc(5): what comes behind the name in brackets, which may hold anything; the third field is the first of these.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        "process_cpu_seconds_total": [((), (int(fields[11]) + int(fields[12])) / _TICKS)],
        "process_resident_memory_bytes": [((), int(fields[21]) * _PAGE_BYTES)],
        "process_open_fds": [((), len(os.listdir("/proc/self/fd")))],
        "process_max_fds": [((), soft)],
        "process_threads": [((), int(fields[17]))],
        "process_start_time_seconds": [((), int(boot.split()[1]) + int(fields[19]) / _TICKS)],
    }
