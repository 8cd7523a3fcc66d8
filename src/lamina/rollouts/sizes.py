"""What is typed for a roll-out's measures: waves, shares of an alias, durations. Each refused with a BadMeasure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d+)?)%")
_DURATION: Final = re.compile(r"(\d{1,6})([smh])")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600}
_REST: Final = "rest"


class BadMeasure(ValueError):
    """What was typed is no such measure; the message says what one looks like."""


def waves(text: str, count: int) -> tuple[tuple[int, ...], ...]:
    """The indexes 0 to *count* - 1 in the waves that *text* says, such as "5,25%,rest".

    A percentage is of all and rounded up; what is left over is a last wave of its own, whether "rest" says so or not.
    No wave is empty, so that there may be fewer than were named. Raises BadMeasure.
    """
    sizes = [_wave_size(part.strip(), count) for part in text.split(",")]
    if None in sizes[:-1]:
        raise BadMeasure(f"{text!r}: rest can only come last")
    found, begin = [], 0
    for size in (*sizes, None):
        end = count if size is None else min(count, begin + size)
        if end > begin:
            found.append(tuple(range(begin, end)))
        begin = end
    return tuple(found)


def shares(texts: Sequence[str]) -> tuple[float, ...]:
    """The shares of an alias (0 to 1) that percentages such as "10%" say, and then all. Raises BadMeasure."""
    found = tuple(percentage(text) for text in texts)
    if any(share in (0.0, 1.0) for share in found) or list(found) != sorted(set(found)):
        raise BadMeasure(f"{','.join(texts)!r}: the steps rise, above 0% and below 100%, such as 10%,50%")
    return (*found, 1.0)


def percentage(text: str) -> float:
    """The share (0 to 1) that "10%" says. Raises BadMeasure."""
    match = _PERCENT.fullmatch(text.strip())
    if match is None or float(match[1]) > 100:
        raise BadMeasure(f"{text!r} is no percentage, such as 10%")
    return round(float(match[1]) / 100, 6)


def seconds(text: str) -> int:
    """The seconds that "90s", "5m" or "1h" says. Raises BadMeasure."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise BadMeasure(f"{text!r} is no duration, such as 90s, 5m or 1h")
    return int(match[1]) * _UNIT_S[match[2]]


def _wave_size(text: str, count: int) -> int | None:
    if text == _REST:
        return None
    if text.isdecimal() and int(text) > 0:
        return int(text)
    try:
        return max(1, math.ceil(round(percentage(text) * count, 6)))
    except BadMeasure:
        raise BadMeasure(f"{text!r} is no size of a wave: such as 5, 25% or rest") from None
