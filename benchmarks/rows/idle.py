"""What a server takes that nobody asks anything."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from benchmarks.bench import COUNTING, Bench, code
from benchmarks.processes import family, processor_ms, pss_mb
from benchmarks.samples import Row, Sample
from benchmarks.subjects.api import Function

_SECONDS = 10.0
_MS_PER_PERCENT = 10


def measure(bench: Bench) -> Iterator[Row]:
    """One row: memory and processor of the server, its zygote and what stands ready, after a call has come and gone."""
    if os.geteuid() != 0:
        yield Row("idle", {}, skipped="only root may ask what processes of other users take")
        return
    with bench.lamina(warm=False) as lamina:
        lamina.create(Function("idle", code(COUNTING), bench.interpreter.runtime))
        lamina.invoke("idle", count=3, pause_ms=100)
        lamina.wait_quiet()
        pids = family(lamina.pid)
        used = []
        for _ in range(1 if bench.quick else 2):
            before, began = processor_ms(pids), time.monotonic()
            time.sleep(1.0 if bench.quick else _SECONDS)
            # A process that ended meanwhile is missing in the second figure.
            spent_ms = max(0.0, processor_ms(pids) - before)
            used.append(spent_ms / (time.monotonic() - began) / _MS_PER_PERCENT)
        memory, server = pss_mb(family(lamina.pid)), pss_mb([lamina.pid])
    yield Row.of(
        "idle",
        [
            Sample("Lamina, all processes", "MB", (memory,)),
            Sample("Lamina, the server alone", "MB", (server,)),
            Sample("Lamina, of one processor", "%", tuple(used)),
        ],
        f"{len(pids)} processes",
    )
