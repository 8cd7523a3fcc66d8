"""How many environments begin, and answer, in a second."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import COUNTING, Bench, code, is_cold
from benchmarks.samples import Row, Tally
from benchmarks.subjects.api import Function

_CLIENTS = 8
_SECONDS = 3.0


def measure(bench: Bench) -> Iterator[Row]:
    """Eight clients, each of which calls again as soon as it has its answer; each call is a cold start."""
    tally = Tally()
    with bench.lamina(warm=False) as lamina:
        lamina.create(Function("rate", code(COUNTING), bench.interpreter.runtime))
        lamina.flood("rate", clients=_CLIENTS, each=3)
        for _ in range(bench.times(5)):
            called = lamina.flood("rate", clients=_CLIENTS, seconds=0.5 if bench.quick else _SECONDS)
            tally.add("Lamina", "/s", called.check(is_cold).per_second)
    yield Row.of("cold-rate", tally.samples())
