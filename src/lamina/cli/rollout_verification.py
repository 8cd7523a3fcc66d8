"""How a roll-out is verified, from what was typed: events, what is expected of them, commands, rates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.cli.failures import Failure

if TYPE_CHECKING:
    from lamina.rollouts.plans import Verification


def verified_by(
    verify: Path | None,
    command: str | None,
    expect: Path | None,
    slower_max: float | None,
    error_rate_max: str | None,
    bake: str | None,
) -> Verification:
    """What the options of the same names mean together. Raises Failure, or BadMeasure for the rate."""
    from lamina.rollouts import sizes
    from lamina.rollouts.plans import Verification

    if verify is None and (expect is not None or slower_max is not None):
        raise Failure("--expect and --slower-max are about invocations", "--verify EVENT makes them.", Failure.USAGE)
    if error_rate_max is not None and bake is None:
        raise Failure("--error-rate-max is about a while", "--bake TIME says how long.", Failure.USAGE)
    return Verification(
        events={} if verify is None else _events(verify),
        command=command,
        expected=None if expect is None else _json_text(expect),
        slower_max=slower_max,
        error_rate_max=None if error_rate_max is None else sizes.percentage(error_rate_max),
    )


def _events(path: Path) -> dict[str, str]:
    """The events by functions' names; the one for all others under ""."""
    if not path.is_dir():
        return {"": _json_text(path)}
    files = sorted(path.glob("*.json"))
    if not files:
        raise Failure(f"there is no event in {path}", "One is called NAME.json or default.json.", Failure.USAGE)
    return {"" if file.stem == "default" else file.stem: _json_text(file) for file in files}


def _json_text(path: Path) -> str:
    try:
        text = path.read_text()
        json.loads(text)
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}", code=Failure.USAGE) from error
    except ValueError as error:
        raise Failure(f"{path} is no JSON: {error}", code=Failure.USAGE) from error
    return text
