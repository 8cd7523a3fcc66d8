"""What an idle environment takes of the machine's memory."""

from __future__ import annotations

import os
from collections.abc import Iterator

from benchmarks.bench import Bench, code, is_cold
from benchmarks.processes import family, pss_mb
from benchmarks.samples import Row, Sample
from benchmarks.subjects.api import Function, path

_SOURCE = """
import time
import numpy, pandas
calls = 0
def handler(event, context):
    global calls
    calls += 1
    time.sleep(event["seconds"])
    return calls
"""


def measure(bench: Bench) -> Iterator[Row]:
    """One row: fifty environments of a version with a snapshot and the pandas layer, after a call each."""
    if os.geteuid() != 0:
        yield Row("memory", {}, skipped="only root may ask what processes of other users take")
        return
    environments = 5 if bench.quick else 50
    with bench.lamina() as lamina:
        packed = bench.interpreter.packages("pandas", byte_code=False)
        layer = lamina.publish_layer("memory", packed.archive, bench.interpreter.runtime)
        lamina.create(Function("memory", code(_SOURCE), bench.interpreter.runtime, snap_start=True), layer)
        version, has_snapshot = lamina.publish("memory")
        if not has_snapshot:
            yield Row("memory", {}, skipped="the published version has no snapshot: its OptimizationStatus is Off")
            return
        lamina.wait_quiet()
        before = pss_mb(family(lamina.pid))
        where = path("memory", version)
        # Long enough that none of them is free before the last has begun.
        lamina.caller.flood(lamina.port, where, '{"seconds": 5}', clients=environments, each=1).check(is_cold)
        lamina.wait_quiet()
        after = pss_mb(family(lamina.pid))
    each = Sample("Lamina, each", "MB", ((after - before) / environments,))
    yield Row.of("memory", [each, Sample("Lamina, all processes", "MB", (after,))], f"{environments} environments")
