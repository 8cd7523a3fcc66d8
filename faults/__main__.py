"""Have a fault strike at every point where a server changes its state folder, and see whether it keeps its promises.

    .venv/bin/python -m faults [operation]... [--faults FAULT,...] [--every N [--turn K]] [--json FILE]

Operations are named as the API names them; all unless given. With --every N, one of N points is taken, another each
time; with --turn K, the K-th of each N, so that N turns take all. Needs Linux 5.19 on x86_64; no root.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from faults.campaign import Choose, House, Result, campaign
from faults.commands import COMMANDS, commands
from faults.lifetimes import LIFETIMES, lifetimes
from faults.listener import hindrance
from faults.operations import OPERATIONS, Operation
from faults.points import Fault
from tests.support.server import Server

_APART = 1_000


def main() -> int:
    """0 when every promise was kept at every point that was taken."""
    known = {make.__name__: make for make in OPERATIONS}
    names = [*known, *LIFETIMES, *COMMANDS]
    parser = argparse.ArgumentParser(prog="python -m faults", description="Faults at every change of a state folder.")
    parser.add_argument("operations", nargs="*", metavar="operation", help=f"any of {', '.join(names)}")
    parser.add_argument("--faults", default=",".join(Fault), help=f"any of {', '.join(Fault)}")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take one of N points")
    parser.add_argument("--turn", type=int, metavar="K", help="take the K-th of each N points, from 1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write what was found, after every round")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.operations if name not in names]
    if unknown:
        parser.error(f"there is no operation {unknown[0]}: {', '.join(names)}")
    if arguments.turn is not None and not 1 <= arguments.turn <= arguments.every:
        parser.error("--turn is one of 1 to the N of --every")
    if hindrance():
        print(f"error: {hindrance()}", file=sys.stderr)
        return 2
    # As Ctrl-C: no server and no folder is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    faults = [Fault(name) for name in arguments.faults.split(",")]
    results: list[Result] = []

    def told(result: Result) -> None:
        # After every round: a campaign that is ended has found something, too.
        if all(each is not result for each in results):
            results.append(result)
        if arguments.json:
            arguments.json.write_text(json.dumps([_figures(each) for each in results], indent=2) + "\n")
        _tell(result)

    for name in arguments.operations or names:
        _struck(known.get(name), name, faults, lambda: _chooser(arguments.every, arguments.turn), told)
    _say_all(results)
    return 1 if any(result.broken for result in results) else 0


def _struck(
    make: Callable[[Server], Operation] | None,
    name: str,
    faults: Sequence[Fault],
    chooser: Callable[[], Choose],
    told: Callable[[Result], None],
) -> None:
    """All *faults* of an operation, or of what else the name says."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, ExitStack() as stack:
        house = None if make is None else stack.enter_context(House.open(Path(folder)))
        for nth, fault in enumerate(faults):
            began = time.monotonic()
            choose = chooser()
            if name in COMMANDS:
                result = commands(name, fault, Path(folder), choose=choose, told=told)
            elif make is None or house is None:
                result = lifetimes(name, fault, Path(folder), choose=choose, told=told)
            else:
                result = campaign(make, fault, house, first=1 + nth * _APART, choose=choose, told=told)
            told(result)
            _say(result, time.monotonic() - began)


def _chooser(every: int, turn: int | None) -> Choose:
    """One of *every* points by chance; the *turn*-th of each so many, if it is given."""
    if turn is None:
        return lambda _: random.randrange(every) == 0  # noqa: S311  # no secret
    turns = itertools.cycle(range(1, every + 1))
    return lambda _: next(turns) == turn


def _tell(result: Result) -> None:
    if sys.stderr.isatty():
        print(f"\r{result.operation}, {result.fault}: {len(result.struck)} ", end="", file=sys.stderr)


def _say(result: Result, took_s: float) -> None:
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    told = f"{result.acknowledged} acknowledged, {result.refused} not"
    if result.degraded:
        told += f", {result.degraded} failed later and say so"
    if result.ready_s:
        told += f"; ready again in {statistics.median(result.ready_s):.2f} s, {max(result.ready_s):.2f} at most"
    points = f"{len(result.struck)} points of {result.counted}"
    print(f"{result.operation}, {result.fault}: {points}: {told} ({took_s:.0f} s)", flush=True)
    for text in result.broken:
        print(f"  BROKEN: {text}", flush=True)


def _say_all(results: list[Result]) -> None:
    struck = sum(len(result.struck) for result in results)
    places = {place for result in results for place in result.struck}
    broken = sum(len(result.broken) for result in results)
    print(f"{struck} faults at {len(places)} places; {broken} promises broken")


def _figures(result: Result) -> dict[str, object]:
    return {
        "operation": result.operation,
        "fault": result.fault,
        "points": len(result.struck),
        "counted": result.counted,
        "acknowledged": result.acknowledged,
        "refused": result.refused,
        "degraded": result.degraded,
        "ready_s": [round(each, 3) for each in result.ready_s],
        "places": dict(result.places),
        "broken": result.broken,
    }


if __name__ == "__main__":
    sys.exit(main())
