"""Calls of an environment that is there: how long one takes, and how many are answered in a second."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import COUNTING, Bench, code
from benchmarks.samples import Row, Tally
from benchmarks.subjects.api import Api, Function

_CLIENTS = 8
_CALLS = 500
_SECONDS = 1.0


def measure(bench: Bench) -> Iterator[Row]:
    """A row for one client, and one for eight; the emulator, which dies of more than one, has one in both."""
    times, rates = Tally(), Tally()
    with bench.lamina() as lamina, bench.ministack() as ministack, bench.emulator(COUNTING) as emulated:
        servers = [api for api in (lamina, ministack) if api is not None]
        for api in servers:
            api.create(Function("warm", code(COUNTING), bench.interpreter.runtime))
            api.flood("warm", clients=_CLIENTS, each=5)
        if emulated is not None:
            emulated.invoke(count=20)
        for _ in range(bench.times(8)):
            for api in servers:
                # Some wait 50 ms after each call.
                calls = _CALLS if api is lamina else _CALLS // 20
                times.add(api.name, "ms", *api.invoke("warm", count=calls).ms)
                rates.add(f"{api.name}, 8 clients", "/s", _flood(api))
            rates.add("Lamina, 1 client", "/s", lamina.flood("warm", clients=1, seconds=_SECONDS).per_second)
            if emulated is not None:
                times.add("RIE", "ms", *emulated.invoke(count=_CALLS).ms)
                rates.add("RIE, 1 client", "/s", emulated.flood(_SECONDS).per_second)
    yield Row.of("warm", times.samples())
    yield Row.of("throughput", rates.samples())


def _flood(api: Api) -> float:
    return api.flood("warm", clients=_CLIENTS, seconds=_SECONDS).per_second
