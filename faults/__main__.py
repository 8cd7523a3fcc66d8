"""Have a fault strike at every point where a server changes its state folder, and see whether it keeps its promises.

    .venv/bin/python -m faults [operation]... [--faults kill,torn,short,EIO,ENOSPC,EROFS] [--every N] [--json FILE]

Operations are named as the API names them; all unless given. With --every N, one of N points is taken, another each
time. Needs Linux 5.19 on x86_64; no root.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from faults.campaign import House, Result, campaign
from faults.listener import hindrance
from faults.operations import OPERATIONS
from faults.points import Fault

_APART = 1_000


def main() -> int:
    """0 when every promise was kept at every point."""
    known = {make.__name__: make for make in OPERATIONS}
    parser = argparse.ArgumentParser(prog="python -m faults", description="Faults at every change of a state folder.")
    parser.add_argument("operations", nargs="*", metavar="operation", help=f"any of {', '.join(known)}")
    parser.add_argument("--faults", default=",".join(Fault), help=f"any of {', '.join(Fault)}")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take one of N points")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write what was found")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.operations if name not in known]
    if unknown:
        parser.error(f"there is no operation {unknown[0]}: {', '.join(known)}")
    if hindrance():
        print(f"error: {hindrance()}", file=sys.stderr)
        return 2
    faults = [Fault(name) for name in arguments.faults.split(",")]
    results = []
    first = 1
    for name in arguments.operations or known:
        with tempfile.TemporaryDirectory(prefix="faults-") as folder, House.open(Path(folder)) as house:
            for fault in faults:
                began = time.monotonic()
                result = campaign(
                    known[name],
                    fault,
                    house,
                    first=first,
                    choose=lambda _: random.randrange(arguments.every) == 0,  # noqa: S311  # no secret
                    told=_tell,
                )
                first += _APART
                results.append(result)
                _say(result, time.monotonic() - began)
    _say_all(results)
    if arguments.json:
        arguments.json.write_text(json.dumps([_figures(result) for result in results], indent=2) + "\n")
    return 1 if any(result.broken for result in results) else 0


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
    print(f"{result.operation}, {result.fault}: {len(result.struck)} points: {told} ({took_s:.0f} s)", flush=True)
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
        "acknowledged": result.acknowledged,
        "refused": result.refused,
        "degraded": result.degraded,
        "ready_s": [round(each, 3) for each in result.ready_s],
        "places": dict(result.places),
        "broken": result.broken,
    }


if __name__ == "__main__":
    sys.exit(main())
