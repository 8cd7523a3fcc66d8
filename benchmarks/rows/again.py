"""What the second version of a layer takes of the disk when one of its files differs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from benchmarks import fetching
from benchmarks.bench import COUNTING, Bench, code
from benchmarks.processes import disk_bytes
from benchmarks.samples import Row, Tally
from benchmarks.subjects.api import Function

_SOURCE = "import numpy, pandas\n" + COUNTING
_CHANGED = "python/numpy/version.py"


def measure(bench: Bench) -> Iterator[Row]:
    """One row, in MB: what is unpacked of a first version and of a second, and the archive, which is kept as it is."""
    first = bench.interpreter.packages("pandas", byte_code=False)
    folder = bench.fresh("again")
    shutil.copytree(first.files, folder)
    (folder / _CHANGED).write_text((folder / _CHANGED).read_text() + "# changed\n")
    second = bench.fresh("archive")
    fetching.pack(folder, second)
    with bench.lamina() as lamina:
        tally = Tally()
        trees = lamina.state / "trees"
        for number, (version, archive) in enumerate({"first": first.archive, "second": second}.items()):
            before, before_byte_code = disk_bytes(trees), disk_bytes(lamina.byte_code)
            layer = lamina.publish_layer("again", archive, bench.interpreter.runtime)
            name = f"again-{number}"
            lamina.create(Function(name, code(_SOURCE), bench.interpreter.runtime), layer)
            lamina.invoke(name)
            lamina.wait_byte_code(archive, bench.interpreter)
            lamina.wait_quiet()
            tally.add(f"{version} version", "MB", (disk_bytes(trees) - before) / 1e6)
            byte_code = (disk_bytes(lamina.byte_code) - before_byte_code) / 1e6
            tally.add(f"of which byte-code, {version} version", "MB", byte_code)
    yield Row.of(
        "again",
        tally.samples(),
        f"what is unpacked; the archive, {second.stat().st_size / 1e6:.1f} MB, is kept byte for byte beside it",
        f"changed: a line of {_CHANGED}, {(folder / _CHANGED).stat().st_size:,} bytes",
    )
