"""What JSON and space-delimited patterns have in common: comparisons, joined by `&&`, `||` and parentheses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar

from lamina.logs.patterns.errors import invalid
from lamina.logs.patterns.regexes import compile_regex

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<mark>&&|\|\||\(|\)|!=|<=|>=|=|<|>)"
    r'|"(?P<quoted>(?:[^"\\]|\\.)*)"'
    r"|%(?P<regex>[^%]*)%"
    r'|(?P<bare>(?:\$(?:\[[^\]]*\]|[^\s()=!<>&|,\[\]"])*)|[^\s()=!<>&|,\[\]"%]+))',
    re.DOTALL,
)
_NESTED_MAX: Final = 40
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_ORDERS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}

Subject = TypeVar("Subject")
# What stands for a value that is not there.
MISSING: Final = object()


class Conditions(Generic[Subject]):
    """Parses conditions on a subject; *select* gives for a selector's text what it selects in one, or MISSING."""

    def __init__(self, text: str, select: Callable[[str], Callable[[Subject], Any]]) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self._select = select

    def parse(self) -> Callable[[Subject], bool]:
        """The whole text as one condition; raises BadPattern."""
        holds = self._any()
        if self._at < len(self._tokens):
            raise invalid()
        return holds

    def _any(self) -> Callable[[Subject], bool]:
        parts = [self._all()]
        while self._take("mark", "||"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda subject: any(holds(subject) for holds in parts)

    def _all(self) -> Callable[[Subject], bool]:
        parts = [self._one()]
        while self._take("mark", "&&"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda subject: all(holds(subject) for holds in parts)

    def _one(self) -> Callable[[Subject], bool]:
        if self._take("mark", "("):
            self._depth += 1
            if self._depth > _NESTED_MAX:
                raise invalid()
            holds = self._any()
            self._depth -= 1
            if not self._take("mark", ")"):
                raise invalid()
            return holds
        kind, text = self._next()
        if kind != "bare":
            raise invalid()
        selected = self._select(text)
        test = self._test()
        return lambda subject: test(selected(subject))

    def _test(self) -> Callable[[Any], bool]:
        kind, text = self._next()
        if kind == "mark":
            return comparison(text, *self._next())
        if kind == "bare" and text.upper() == "IS":
            named = self._next()[1].upper()
            if named not in ("NULL", "TRUE", "FALSE"):
                raise invalid()
            wanted = json.loads(named.lower())
            return lambda value: value is wanted
        if kind == "bare" and text.upper() == "NOT" and self._next()[1].upper() == "EXISTS":
            return lambda value: value is MISSING
        if kind == "bare" and text.upper() == "EXISTS":
            return lambda value: value is not MISSING
        raise invalid()

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise invalid()
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str, text: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == (kind, text)
        self._at += found
        return found


def comparison(operator: str, kind: str, text: str) -> Callable[[Any], bool]:
    """The test that a value is to the *text* of a pattern as *operator* says; what is missing passes none."""
    if operator in _ORDERS:
        if kind != "bare" or not _NUMBER.fullmatch(text):
            raise invalid()
        holds, limit = _ORDERS[operator], float(text)
        return lambda value: (number := _number(value)) is not None and holds(number, limit)
    if operator not in ("=", "!="):
        raise invalid()
    equal = _equality(kind, text)
    if operator == "=":
        return lambda value: value is not MISSING and equal(value)
    return lambda value: value is not MISSING and not equal(value)


def _equality(kind: str, text: str) -> Callable[[Any], bool]:
    if kind == "regex":
        found = compile_regex(text)
        return lambda value: (spelt := _spelt(value)) is not None and found(spelt)
    if kind == "mark":
        raise invalid()
    if kind == "bare" and _NUMBER.fullmatch(text):
        wanted = float(text)
        return lambda value: _number(value) == wanted if _number(value) is not None else _spelt(value) == text
    fits = _wildcards(text)
    return lambda value: (spelt := _spelt(value)) is not None and fits(spelt)


def _wildcards(text: str) -> Callable[[str], bool]:
    """Whether a text is *text*, an asterisk in which stands for anything; in one pass, however many there are."""
    first, *rest = text.split("*")
    if not rest:
        return first.__eq__
    *inner, last = rest

    def fits(value: str) -> bool:
        if not (value.startswith(first) and value.endswith(last) and len(value) >= len(first) + len(last)):
            return False
        at, end = len(first), len(value) - len(last)
        for part in inner:
            at = value.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True

    return fits


def _spelt(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if value is MISSING or isinstance(value, dict | list):
        return None
    return json.dumps(value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    # Fields of a line are text, whatever they mean.
    if isinstance(value, _Field) and _NUMBER.fullmatch(value):
        return float(value)
    return None


class _Field(str):
    """A word of a space-delimited message."""

    __slots__ = ()


def field(word: str) -> str:
    """*word* as a value that counts as a number where it looks like one."""
    return _Field(word)


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise invalid()
        kind, held = match.lastgroup, match[match.lastgroup]
        found.append((kind, re.sub(r"\\(.)", r"\1", held, flags=re.DOTALL) if kind == "quoted" else held))
        at = match.end()
    return found
