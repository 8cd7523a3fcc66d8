"""Patterns for messages of words: `[ip, user, ..., status_code = 4*, bytes > 1000]`.

What stands in quotes or brackets is one word. `...` stands for any number of words, once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from lamina.logs.patterns.conditions import MISSING, Conditions, field
from lamina.logs.patterns.errors import invalid

_WORD: Final = re.compile(r'"([^"]*)"|\[([^\]]*)\]|(\S+)')
_FIELD: Final = re.compile(r"\s*(?:\(\s*)*([A-Za-z_][\w.-]*)?", re.ASCII)
_COMMA: Final = re.compile(r'((?:[^,"%]|"(?:[^"\\]|\\.)*"|%[^%]*%)*)(?:,|$)', re.DOTALL)

_Words = Mapping[str, str]


def space_delimited(pattern: str) -> Callable[[str], bool]:
    """Whether a message has the fields of *pattern* and its conditions hold of them. Raises BadPattern."""
    if not pattern.endswith("]"):
        raise invalid()
    names: list[str] = []
    tests: list[Callable[[_Words], bool]] = []
    rest_at: int | None = None
    for number, text in enumerate(_fields(pattern[1:-1])):
        if text == "...":
            if rest_at is not None:
                raise invalid()
            rest_at = number
            continue
        match = _FIELD.match(text)
        assert match is not None
        name = match[1] or ""
        # An unnamed field is any word.
        names.append(name or f" {number}")
        if text and text != name:
            tests.append(Conditions(text, _selector(name)).parse())
    before = len(names) if rest_at is None else rest_at
    after = len(names) - before

    def matches(message: str) -> bool:
        words = [next(part for part in match.groups() if part is not None) for match in _WORD.finditer(message)]
        if len(words) < len(names) or (rest_at is None and len(words) > len(names)):
            return False
        told = words[:before] + (words[len(words) - after :] if after else [])
        subject = dict(zip(names, map(field, told), strict=True))
        return all(holds(subject) for holds in tests)

    return matches


def _fields(text: str) -> list[str]:
    found, at = [], 0
    while at <= len(text):
        match = _COMMA.match(text, at)
        if match is None:
            raise invalid()
        found.append(match[1].strip())
        if match.end() == at + len(match[1]):
            break
        at = match.end()
    return found


def _selector(name: str) -> Callable[[str], Callable[[_Words], Any]]:
    def select(text: str) -> Callable[[_Words], Any]:
        # A field's conditions are on itself.
        if text != name:
            raise invalid()
        return lambda words: words.get(name, MISSING)

    return select
