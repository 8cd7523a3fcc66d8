"""Whether layers cost a cold start anything as such: five of many files each, beside none."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from benchmarks.bench import Bench, code, is_cold
from benchmarks.samples import Row, Tally
from benchmarks.subjects.api import Function

_LAYERS = 5
_PAUSE_MS = 60
_SOURCE = """
import os
calls = 0
def handler(event, context):
    global calls
    if event.get("look"):
        return [os.path.exists(f"/opt/data/{number}/0/0") for number in range(5)]
    calls += 1
    return calls
"""


def measure(bench: Bench) -> Iterator[Row]:
    """One row, with the files of all layers in sight of one function and not of the other."""
    files = 500 if bench.quick else 5000
    tally = Tally()
    with bench.lamina(warm=False) as lamina:
        arns = []
        for number in range(_LAYERS):
            archive = bench.fresh("layer")
            archive.write_bytes(_archive(number, files))
            arns.append(lamina.publish_layer(f"many-{number}", archive, bench.interpreter.runtime))
        subjects = {"without layers": "without", f"{_LAYERS} layers of {files:,} files": "with"}
        function = Function("without", code(_SOURCE), bench.interpreter.runtime)
        lamina.create(function)
        lamina.create(Function("with", function.archive, function.runtime), *arns)
        for name, seen in (("without", False), ("with", True)):
            told = lamina.caller.call(lamina.port, "POST", f"/2015-03-31/functions/{name}/invocations", {"look": True})
            assert told == [seen] * _LAYERS, told
            lamina.invoke(name, count=3, pause_ms=_PAUSE_MS)
        for _ in range(bench.times(60)):
            for label, name in subjects.items():
                tally.add(label, "ms", *lamina.invoke(name, pause_ms=_PAUSE_MS).check(is_cold).ms)
    yield Row.of("five-layers", tally.samples())


def _archive(number: int, files: int) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        for index in range(files):
            packed.writestr(f"data/{number}/{index % 50}/{index // 50}", f"{number} {index}")
    return written.getvalue()
