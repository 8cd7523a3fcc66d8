"""Measure Lamina beside what else somebody could pick.

    .venv/bin/python -m benchmarks [--quick] [--only NAME]... [--json FILE] [--write-docs]

Everything is measured in turns in one run, so that a busy machine slows all of it; compare medians, and above all
ratios.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import chart, report
from benchmarks.bench import Bench
from benchmarks.calling import Caller, CallFailed
from benchmarks.fetching import Interpreter, NotToBeHad
from benchmarks.machine import Machine
from benchmarks.samples import Row, Skipped

_GROUPS = (
    "starting",
    "idle",
    "cold",
    "snapstart",
    "preloaded",
    "rate",
    "layers",
    "node",
    "warm",
    "crowd",
    "publishing",
    "again",
    "rollouts",
    "memory",
)
_DOCS = Path(__file__).parents[1] / "docs"


def main() -> int:
    """Run what was asked for; 1 if something could not be measured that should have been."""
    arguments = _arguments()
    interpreter = Interpreter.newest()
    rows: list[Row] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="lamina-benchmark-") as folder, Caller.running() as caller:
        bench = Bench(caller, interpreter, Path(folder), arguments.quick)
        _say("fetching what is not here yet")
        bench.prepare()
        machine = Machine.look(Path(folder), interpreter)
        for group in arguments.only or _GROUPS:
            began = time.monotonic()
            try:
                for row in _measured(bench, group):
                    rows.append(row)
                    print(report.row_text(row), flush=True)
            # What one group meets must not take the others' figures with it.
            except (CallFailed, NotToBeHad, AssertionError, OSError) as error:
                failed = True
                rows.append(Row(group, {}, skipped=f"failed: {error}"))
                print(report.row_text(rows[-1]), flush=True)
            _say(f"{group}: {time.monotonic() - began:.0f} s")
    run = report.Run(machine.ended(), bench.absent, arguments.quick, tuple(rows))
    print(report.promises_text(run))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(run.to_json(), indent=1) + "\n")
    if arguments.write_docs:
        (_DOCS / "BENCHMARKS.md").write_text(report.page(run))
        (_DOCS / "benchmarks.svg").write_text(chart.drawn(run.rows))
    return 1 if failed else 0


def _measured(bench: Bench, group: str) -> Iterator[Row]:
    try:
        yield from importlib.import_module(f"benchmarks.rows.{group}").measure(bench)
    except Skipped as why:
        yield Row(group, {}, skipped=str(why))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of everything: tries the measuring, says little")
    parser.add_argument("--only", action="append", choices=_GROUPS, metavar="NAME", help=", ".join(_GROUPS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single value to FILE")
    parser.add_argument("--write-docs", action="store_true", help="write docs/BENCHMARKS.md and docs/benchmarks.svg")
    return parser.parse_args()


def _say(text: str) -> None:
    print(f"benchmarks: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
