"""How long a layer version takes to be published, by its size."""

from __future__ import annotations

import base64
import io
import json
import random
import zipfile
from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.samples import Row, Tally
from benchmarks.subjects.api import LAYERS

_ROUNDS = {1: 20, 10: 10, 45: 5}


def measure(bench: Bench) -> Iterator[Row]:
    """One row for each size; no archive comes twice, and nothing in it can be compressed."""
    with bench.lamina() as lamina, bench.ministack(runs_functions=False) as ministack:
        servers = [api for api in (lamina, ministack) if api is not None]
        body = bench.fresh("body")
        for size_mb, rounds in _ROUNDS.items():
            tally = Tally()
            for turn in range(bench.times(rounds) + 1):
                archive = base64.b64encode(_archive(size_mb, turn)).decode()
                body.write_text(json.dumps({"Content": {"ZipFile": archive}}))
                for api in servers:
                    called = api.caller.upload(api.port, f"{LAYERS}/of-{size_mb}/versions", body)
                    # The first of a size finds nothing warm.
                    if turn:
                        tally.add(api.name, "ms", *called.ms)
            yield Row.of(f"publish-{size_mb}", tally.samples())
        body.unlink()


def _archive(size_mb: int, seed: int) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        packed.writestr("python/data.bin", random.Random(seed).randbytes(size_mb * 1_000_000))  # noqa: S311 - no secret
    return written.getvalue()
