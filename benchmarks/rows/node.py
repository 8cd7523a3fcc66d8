"""A cold start of Node.js, beside `node` itself started on the same handler."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench, code, is_cold
from benchmarks.calling import CallFailed
from benchmarks.samples import Row, Tally
from benchmarks.subjects.api import Function

_PAUSE_MS = 100
_HANDLER = """
let calls = 0
exports.handler = async (event, context) => {
    calls += 1
    return calls
}
"""
_BY_HAND = "require('./app.js').handler({}, {}).then(result => console.log(JSON.stringify(result)))\n"


def measure(bench: Bench) -> Iterator[Row]:
    """One row; the `node` of this machine runs both."""
    node = shutil.which("node")
    if node is None:
        yield Row("node", {}, skipped="there is no node on this machine")
        return
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    folder = bench.fresh("node")
    folder.mkdir()
    (folder / "app.js").write_text(_HANDLER)
    (folder / "by-hand.js").write_text(_BY_HAND)
    tally = Tally()
    with bench.lamina(warm=False) as lamina:
        runtime = f"nodejs{version.lstrip('v').partition('.')[0]}.x"
        try:
            lamina.create(Function("node", code(_HANDLER, "app.js"), runtime))
            lamina.invoke("node", count=3, pause_ms=_PAUSE_MS)
        except CallFailed as error:
            yield Row("node", {}, skipped=f"no function of {runtime} here: {error}")
            return
        for _ in range(bench.times(30)):
            tally.add("Lamina", "ms", *lamina.invoke("node", pause_ms=_PAUSE_MS).check(is_cold).ms)
            tally.add("node by hand", "ms", _by_hand(node, folder))
    yield Row.of("node", tally.samples(), f"Node.js {version}")


def _by_hand(node: str, folder: Path) -> float:
    """Milliseconds from starting it to what it prints."""
    began = time.perf_counter()
    with subprocess.Popen([node, "by-hand.js"], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        took_ms = (time.perf_counter() - began) * 1000
    assert is_cold(json.loads(told)), told
    return took_ms
