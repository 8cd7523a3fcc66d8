"""The first call of an environment that does not exist yet, without and with layers of real packages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.bench import COUNTING, Bench, code, is_cold
from benchmarks.fetching import Layer
from benchmarks.samples import Row, Skipped, Tally
from benchmarks.subjects.api import Api, Function
from benchmarks.subjects.lamina import Lamina

_PAUSE_MS = 60


@dataclass(frozen=True, slots=True)
class _Case:
    """A layer of *packages*, all of which the function imports as it begins."""

    row: str
    packages: str = ""
    byte_code: bool = False
    rounds: int = 30

    @property
    def source(self) -> str:
        imports = {"": "", "requests": "import requests\n", "pandas": "import numpy, pandas\n"}
        return imports[self.packages] + COUNTING


_CASES = (
    _Case("cold-no-layer", rounds=40),
    _Case("cold-requests", "requests", rounds=20),
    _Case("cold-requests-byte-code", "requests", byte_code=True, rounds=20),
    _Case("cold-pandas", "pandas", rounds=5),
    _Case("cold-pandas-byte-code", "pandas", byte_code=True, rounds=15),
)


def measure(bench: Bench) -> Iterator[Row]:
    """One row for each layer; a layer with byte-code has it for everybody."""
    with bench.lamina(warm=False) as lamina, bench.ministack() as ministack:
        for case in _CASES:
            try:
                yield _row(bench, case, lamina, ministack)
            except Skipped as why:
                yield Row(case.row, {}, skipped=str(why))


def _row(bench: Bench, case: _Case, lamina: Lamina, ministack: Api | None) -> Row:
    layer = bench.interpreter.packages(case.packages, byte_code=case.byte_code) if case.packages else None
    layers = {api.name: _published(bench, api, case, layer) for api in (lamina, ministack) if api is not None}
    function = Function(case.row, code(case.source), bench.interpreter.runtime)
    lamina.create(function, *layers[lamina.name])
    # What is made once for a runtime or an archive is there.
    lamina.invoke(case.row, count=3, pause_ms=_PAUSE_MS)
    if layer is not None and not case.byte_code:
        lamina.wait_byte_code(layer.archive, bench.interpreter)
        lamina.invoke(case.row, count=3, pause_ms=_PAUSE_MS)
    tally = Tally()
    for turn in range(bench.times(case.rounds)):
        tally.add("Lamina", "ms", *lamina.invoke(case.row, pause_ms=_PAUSE_MS).check(is_cold).ms)
        with bench.emulator(case.source, layer.files if layer else None) as emulated:
            if emulated is not None:
                tally.add("RIE", "ms", *emulated.invoke().check(is_cold).ms)
        if ministack is not None and not case.byte_code:
            name = f"{case.row}-{turn}"
            ministack.create(Function(name, function.archive, function.runtime), *layers[ministack.name])
            tally.add("MiniStack", "ms", *ministack.invoke(name).check(is_cold).ms)
    return Row.of(case.row, tally.samples())


def _published(bench: Bench, api: Api, case: _Case, layer: Layer | None) -> list[str]:
    return [api.publish_layer(case.row, layer.archive, bench.interpreter.runtime)] if layer is not None else []
