"""Which records a mapping's FilterCriteria let through: Lambda's filter patterns, which are EventBridge's. Pure.

A pattern is an object like the record: at each leaf stands a list of what the value may be. All members must be met,
of a list any item; of a value that is a list any element. Lambda has of EventBridge's conditions those named here.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

_NUMERIC: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CONDITIONS: Final = ("prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists")
_OR: Final = "$or"


def patterns(criteria: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    """The patterns of FilterCriteria, of which a record must meet one; none lets everything through.

    Raises ValueError for one that is no pattern.
    """
    found = [json.loads(each.get("Pattern") or "{}") for each in (criteria or {}).get("Filters") or ()]
    for each in found:
        _check(each)
    return found


def lets_through(wanted: Sequence[Mapping[str, Any]], message: Mapping[str, Any]) -> bool:
    """Whether *message*, a record whose body is text, meets one of *wanted*; a body that is JSON is looked into."""
    if not wanted:
        return True
    record = {**message, "body": _read(message["body"])}
    return any(_meets(record, each) for each in wanted)


def _read(body: str) -> Any:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return read if isinstance(read, dict | list) else body


def _meets(value: Mapping[str, Any], pattern: Mapping[str, Any]) -> bool:
    return all(_member(value, name, wanted) for name, wanted in pattern.items())


def _member(value: Mapping[str, Any], name: str, wanted: Any) -> bool:
    if name == _OR:
        return any(_meets(value, each) for each in wanted)
    held = value.get(name)
    if isinstance(wanted, dict):
        # Of what is not there, and of what has no members, nothing but their absence can be met.
        inner = [each for each in _listed(held) if isinstance(each, dict)] or [{}]
        return any(_meets(each, wanted) for each in inner)
    there = [each for each in _listed(held) if not isinstance(each, dict)] if name in value else []
    return any(_leaf(there, each) for each in wanted)


def _listed(held: Any) -> Sequence[Any]:
    return held if isinstance(held, list) else [held]


def _leaf(there: Sequence[Any], wanted: Any) -> bool:
    """Whether one of the values that are *there* is *wanted*."""
    if not isinstance(wanted, dict):
        return any(_is(each, wanted) for each in there)
    ((condition, operand),) = wanted.items()
    if condition == "exists":
        return bool(there) is operand
    return any(_fulfils(each, condition, operand) for each in there)


def _is(value: Any, wanted: Any) -> bool:
    # In Python 1 is True; in JSON it is not.
    return isinstance(value, bool) is isinstance(wanted, bool) and bool(value == wanted)


def _fulfils(value: Any, condition: str, operand: Any) -> bool:
    if condition == "anything-but":
        return not any(_is(value, each) for each in _listed(operand))
    if condition == "numeric":
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return all(_NUMERIC[sign](value, bound) for sign, bound in zip(operand[::2], operand[1::2], strict=True))
    if not isinstance(value, str):
        return False
    if condition == "prefix":
        return value.startswith(str(operand))
    if condition == "suffix":
        return value.endswith(str(operand))
    return value.casefold() == str(operand).casefold()


def _check(pattern: Any) -> None:
    if not isinstance(pattern, dict):
        raise ValueError(f"{pattern!r} is no object")
    for name, wanted in pattern.items():
        if name == _OR:
            if not isinstance(wanted, list) or len(wanted) < 2:
                raise ValueError(f"{_OR} has no list of patterns")
            for each in wanted:
                _check(each)
        elif isinstance(wanted, dict):
            _check(wanted)
        elif not isinstance(wanted, list) or not wanted:
            raise ValueError(f"{name} has no list of values")
        else:
            for each in wanted:
                _check_leaf(each)


def _check_leaf(wanted: Any) -> None:
    if isinstance(wanted, list):
        raise ValueError("a list within a list of values")
    if not isinstance(wanted, dict):
        return
    if len(wanted) != 1 or next(iter(wanted)) not in _CONDITIONS:
        raise ValueError(f"{wanted} is no condition")
    ((condition, operand),) = wanted.items()
    if not _fits(condition, operand):
        raise ValueError(f"{condition} has no use for {operand!r}")


def _fits(condition: str, operand: Any) -> bool:
    if condition == "exists":
        return isinstance(operand, bool)
    if condition == "anything-but":
        return bool(_listed(operand)) and all(isinstance(each, str | int | float) for each in _listed(operand))
    if condition == "numeric":
        signs, bounds = (operand[::2], operand[1::2]) if isinstance(operand, list) else ((), ())
        return (
            0 < len(signs) == len(bounds) <= 2
            and all(sign in _NUMERIC for sign in signs)
            and all(isinstance(each, int | float) and not isinstance(each, bool) for each in bounds)
        )
    return isinstance(operand, str)
