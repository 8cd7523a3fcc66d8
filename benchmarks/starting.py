"""How long from `lamina up` to the first answer of the API, beside what Python alone takes to start.

    .venv/bin/python benchmarks/starting.py [--rounds 15] [--json]

Both are measured in turns in one run, so that a busy machine slows both; compare medians, and the ratio above all.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

LAMINA = Path(sys.executable).with_name("lamina")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="how often each is measured")
    parser.add_argument("--json", action="store_true", help="print milliseconds as JSON")
    arguments = parser.parse_args()
    measured: dict[str, list[float]] = {"python -c pass": [], "new state": [], "known state": []}
    with tempfile.TemporaryDirectory(prefix="lamina-benchmark-") as folder:
        known = Path(folder) / "known"
        first_answer(known)
        for number in range(arguments.rounds):
            measured["python -c pass"].append(timed(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True)))
            measured["new state"].append(first_answer(Path(folder) / str(number)))
            measured["known state"].append(first_answer(known))
    medians = {name: round(statistics.median(values), 1) for name, values in measured.items()}
    if arguments.json:
        print(json.dumps({"unit": "ms", "median": medians, "all": measured}))
        return
    baseline = medians["python -c pass"]
    for name, median in medians.items():
        print(f"{name:16} {median:8.1f} ms  {median / baseline:5.1f} times")


def first_answer(state: Path) -> float:
    """Milliseconds from starting the command to the first answer of the API."""
    command = [str(LAMINA), "up", "--port", "0", "--quiet", "--state", str(state)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            endpoint = server.stdout.readline().strip().partition("=")[2]
            with contextlib.closing(urllib.request.urlopen(f"{endpoint}/2018-10-31/layers", timeout=30)) as answer:
                answer.read()
            return (time.perf_counter() - began) * 1000
        finally:
            server.send_signal(signal.SIGTERM)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that *work* takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
