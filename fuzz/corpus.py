"""The inputs that are worth keeping: a file for each target, a line of base64 for each input, short ones first."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "tests" / "fuzz" / "corpus"


def kept(target: str) -> list[bytes]:
    """What is kept of *target*'s inputs."""
    return [base64.b64decode(line) for line in _file(target).read_text().splitlines()]


def keep(target: str, inputs: Iterable[bytes]) -> None:
    """Keep *inputs*, too: the engine's are only those that reached what none of the kept ones had."""
    every = {*kept(target), *inputs}
    lines = [base64.b64encode(data).decode() for data in sorted(every, key=lambda data: (len(data), data))]
    _file(target).write_text("".join(f"{line}\n" for line in lines))


def _file(target: str) -> Path:
    return _FOLDER / f"{target}.txt"
