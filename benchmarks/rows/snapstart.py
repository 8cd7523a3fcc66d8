"""The first call of an environment that begins from a version's snapshot."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import COUNTING, Bench, code, is_cold
from benchmarks.samples import Row, Sample
from benchmarks.subjects.api import Function

_PAUSE_MS = 60
_IMPORTS = {"requests": "import requests\n", "pandas": "import numpy, pandas\n"}


def measure(bench: Bench) -> Iterator[Row]:
    """One row for each layer."""
    with bench.lamina(warm=False) as lamina:
        for packages, imports in _IMPORTS.items():
            name = f"snapstart-{packages}"
            packed = bench.interpreter.packages(packages, byte_code=False)
            layer = lamina.publish_layer(name, packed.archive, bench.interpreter.runtime)
            archive = code(imports + COUNTING)
            lamina.create(Function(name, archive, bench.interpreter.runtime, snap_start=True), layer)
            version, has_snapshot = lamina.publish(name)
            if not has_snapshot:
                yield Row(name, {}, skipped="the published version has no snapshot: its OptimizationStatus is Off")
                continue
            lamina.invoke(name, version, count=3, pause_ms=_PAUSE_MS)
            called = lamina.invoke(name, version, count=bench.times(60), pause_ms=_PAUSE_MS).check(is_cold)
            yield Row.of(name, [Sample("Lamina", "ms", called.ms)])
