"""What it costs that a thousand functions and ten thousand layers exist: calls, and the lists of them."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from benchmarks.bench import COUNTING, Bench, code
from benchmarks.samples import Row, Tally
from benchmarks.subjects.api import FUNCTIONS, LAYERS, Api, Function

_CLIENTS = 8
_CALLS = 500
_SECONDS = 1.0


def measure(bench: Bench) -> Iterator[Row]:
    """Rows for calls on a server with them beside one without, and for lists on servers with them."""
    functions, layers = (100, 500) if bench.quick else (1000, 10_000)
    with bench.lamina() as alone, bench.lamina() as among, bench.ministack(runs_functions=False) as ministack:
        for lamina in (alone, among):
            lamina.create(Function("called", code(COUNTING), bench.interpreter.runtime))
        crowded: list[Api] = [api for api in (among, ministack) if api is not None]
        for api in crowded:
            _fill(api, bench.interpreter.runtime, functions, layers)
        yield from _calls(bench, {"alone": alone, "among them": among})
        yield _lists(bench, crowded, "list-functions", f"{FUNCTIONS}?MaxItems=50", functions)
        yield _lists(bench, crowded, "list-layers-all", f"{LAYERS}?MaxItems=50", layers)
        tally = Tally()
        for _ in range(bench.times(8)):
            for api in crowded:
                tally.add(api.name, "ms", *api.caller.get(api.port, f"{LAYERS}?MaxItems=50", count=20).ms)
        yield Row.of("list-layers-page", tally.samples())


def _fill(api: Api, runtime: str, functions: int, layers: int) -> None:
    archive = base64.b64encode(code(COUNTING)).decode()
    request = {"Runtime": runtime, "Handler": "app.handler", "Role": "arn:aws:iam::000000000000:role/benchmark"}
    bodies = [request | {"FunctionName": f"one-of-{index}", "Code": {"ZipFile": archive}} for index in range(functions)]
    api.caller.each(api.port, [(FUNCTIONS, body) for body in bodies], clients=_CLIENTS)
    content = {"Content": {"ZipFile": archive}}
    published = [(f"{LAYERS}/one-of-{index}/versions", content) for index in range(layers)]
    api.caller.each(api.port, published, clients=_CLIENTS)


def _calls(bench: Bench, servers: dict[str, Api]) -> Iterator[Row]:
    times, rates = Tally(), Tally()
    for api in servers.values():
        api.flood("called", clients=_CLIENTS, each=20)
    for _ in range(bench.times(8)):
        for name, api in servers.items():
            times.add(f"Lamina, {name}", "ms", *api.invoke("called", count=_CALLS).ms)
            called = api.flood("called", clients=_CLIENTS, seconds=_SECONDS)
            rates.add(f"Lamina, {name}", "/s", called.per_second)
    yield Row.of("crowd-warm", times.samples())
    yield Row.of("crowd-throughput", rates.samples())


def _lists(bench: Bench, servers: list[Api], row: str, path: str, items: int) -> Row:
    tally = Tally()
    for _ in range(bench.times(8)):
        for api in servers:
            called = api.caller.pages(api.port, path)
            assert called.items >= items, f"{api.name} lists {called.items} of {items}"
            tally.add(api.name, "ms", *called.ms)
    return Row.of(row, tally.samples())
