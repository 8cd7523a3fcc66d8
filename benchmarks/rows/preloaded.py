"""The first call of an environment of a function without a snapshot, whose layers' modules are preloaded."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.bench import Bench, code
from benchmarks.samples import Row, Sample
from benchmarks.subjects.api import Function

_PAUSE_MS = 60
_PATIENCE_S = 60
_PRELOADED = ("1",)
# Answers 1 for a first call for which what it imports had been imported.
_SOURCE = """
import sys
calls = -1 if {module!r} in sys.modules else 0
{imports}
def handler(event, context):
    global calls
    calls += 2
    return calls
"""
_IMPORTS = {"requests": "import requests", "pandas": "import numpy, pandas"}


def measure(bench: Bench) -> Iterator[Row]:
    """One row for each layer."""
    with bench.lamina(warm=False, preload="requests,numpy,pandas") as lamina:
        for module, imports in _IMPORTS.items():
            name = f"preloaded-{module}"
            packed = bench.interpreter.packages(module, byte_code=False)
            layer = lamina.publish_layer(name, packed.archive, bench.interpreter.runtime)
            archive = code(_SOURCE.format(module=module, imports=imports))
            lamina.create(Function(name, archive, bench.interpreter.runtime), layer)
            deadline = time.monotonic() + _PATIENCE_S
            while lamina.invoke(name, count=3, pause_ms=_PAUSE_MS).answers != _PRELOADED:
                if time.monotonic() > deadline:
                    break
            called = lamina.invoke(name, count=bench.times(60), pause_ms=_PAUSE_MS)
            if called.answers == _PRELOADED:
                yield Row.of(name, [Sample("Lamina", "ms", called.ms)])
            else:
                yield Row(name, {}, skipped="some environments began without the modules")
