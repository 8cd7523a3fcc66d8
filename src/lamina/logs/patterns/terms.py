"""Patterns of terms: all of them, any of those with `?`, none of those with `-`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from lamina.logs.patterns.errors import BadPattern, invalid
from lamina.logs.patterns.regexes import compile_regex

_TERM: Final = re.compile(r'\s*([-?]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]*)%|([^\s"%]+))(?=\s|$)', re.DOTALL)
_WORD: Final = re.compile(r"\w+")

Predicate = Callable[[str], bool]


def terms(pattern: str) -> Predicate:
    """Whether a message has the terms of *pattern*, upper and lower case told apart. Raises BadPattern."""
    required: list[Predicate] = []
    optional: list[Predicate] = []
    excluded: list[Predicate] = []
    kinds = {"": required, "?": optional, "-": excluded}
    at = 0
    while at < len(pattern):
        match = _TERM.match(pattern, at)
        if match is None:
            raise invalid()
        sign, phrase, regex, word = match.groups()
        kinds[sign].append(_holds(phrase, regex, word))
        at = match.end()
    if optional and not required and not excluded:
        return lambda message: any(holds(message) for holds in optional)
    # Beside other terms AWS ignores those with a question mark.
    return lambda message: all(holds(message) for holds in required) and not any(holds(message) for holds in excluded)


def _holds(phrase: str | None, regex: str | None, word: str | None) -> Predicate:
    if regex is not None:
        return compile_regex(regex)
    if phrase is not None:
        text = re.sub(r"\\(.)", r"\1", phrase, flags=re.DOTALL)
        return lambda message: text in message
    assert word is not None
    if not _WORD.fullmatch(word):
        raise BadPattern(f"Invalid character(s) in term '{word}'")
    return lambda message: word in message
