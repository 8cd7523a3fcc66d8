"""How long from `lamina up` to the first answer, beside what Python alone takes to start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.bench import COUNTING, Bench, code, is_cold
from benchmarks.samples import Row, Tally
from benchmarks.subjects.api import LAYERS, Function, path
from benchmarks.subjects.lamina import Lamina


def measure(bench: Bench) -> Iterator[Row]:
    """One row: the first call of a function that is known, and the first answer of the API on a new state folder."""
    tally, known = Tally(), bench.fresh("known") / "state"
    with Lamina.running(bench.caller, known) as lamina:
        lamina.create(Function("starting", code(COUNTING), bench.interpreter.runtime))
    for _ in range(bench.times(10)):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        tally.add("python -c pass", "ms", (time.perf_counter() - began) * 1000)
        tally.add("first call", "ms", _first(bench, known, call=True))
        tally.add("first answer, new state", "ms", _first(bench, bench.fresh("new"), call=False))
    yield Row.of("starting", tally.samples())


def _first(bench: Bench, state: Path, *, call: bool) -> float:
    """Milliseconds from starting the command to what the first *call*, or request of the API, answers."""
    command = [sys.executable, "-m", "lamina", "up", "--port", "0", "--quiet", "--state", str(state)]
    # Some who run benchmarks forbid it; those who start servers do not.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            port = urlsplit(server.stdout.readline().strip().partition("=")[2]).port
            assert port is not None
            if call:
                bench.caller.calls(port, path("starting")).check(is_cold)
            else:
                bench.caller.get(port, LAYERS)
            return (time.perf_counter() - began) * 1000
        finally:
            server.send_signal(signal.SIGTERM)
