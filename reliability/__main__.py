"""Measure how a server holds out.

    .venv/bin/python -m reliability size [--functions N] [--layer-versions N] [--folder DIR] [--json FILE]
    .venv/bin/python -m reliability overload [--callers N] [--seconds S] [--json FILE]
    .venv/bin/python -m reliability soak [--minutes M] [--seed N] [--json FILE]

`size` fills a catalog and looks at starts, kills and answers; `overload` sends more callers than may run; `soak` does
everything at once for as long as it is told, and fails if the server holds more in the end than it did early on.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from reliability import overload, size, soak


def main() -> int:
    """0 when all was as it should be; 1 where a soak found that something grew."""
    arguments = _arguments()
    # Whoever ends it ends its servers with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="lamina-reliability-") as folder:
        told, text = _measured(arguments, Path(arguments.folder or folder))
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(told, indent=1) + "\n")
    return 1 if told.get("grown") else 0


def _measured(arguments: argparse.Namespace, folder: Path) -> tuple[dict[str, Any], str]:
    if arguments.what == "size":
        told = size.measure(folder, arguments.functions, arguments.layer_versions, _say)
        return told, size.text(told)
    if arguments.what == "overload":
        told = overload.measure(folder, arguments.callers, arguments.seconds, _say)
        return told, overload.text(told)
    seed = int.from_bytes(os.urandom(4), "big") if arguments.seed is None else arguments.seed
    _say(f"seed {seed}")
    told = soak.soak(folder / "state", arguments.minutes * 60, seed, _say)
    return told, soak.text(told)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m reliability", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("size", "overload", "soak"))
    parser.add_argument("--functions", type=int, default=10_000, metavar="N")
    parser.add_argument("--layer-versions", type=int, default=100_000, metavar="N")
    parser.add_argument("--callers", type=int, default=overload.CALLERS, metavar="N")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="of each kind of overload")
    parser.add_argument("--minutes", type=float, default=60.0, metavar="M", help="how long to soak")
    parser.add_argument("--seed", type=int, metavar="N", help="for the dice of a soak")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where to keep the state, and find it filled again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every single value to FILE")
    return parser.parse_args()


def _say(text: str) -> None:
    print(f"reliability: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
