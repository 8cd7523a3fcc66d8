"""Which of two versions is older, by the rules of each language's packages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from itertools import zip_longest
from typing import Any, Final

from packaging.version import InvalidVersion, Version

from lamina.workshop.packages import Ecosystem

_SEMVER: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?", re.ASCII)
_GEM_PART: Final = re.compile(r"[0-9]+|[a-z]+", re.IGNORECASE | re.ASCII)
# A hyphen stands where digits and letters meet, too.
_MAVEN_PART: Final = re.compile(r"([.\-_]?)([0-9]+|[^0-9.\-_]+|(?=[.\-_]|$))")
_MAVEN_QUALIFIERS: Final = ("alpha", "beta", "milestone", "rc", "snapshot", "", "sp")
_MAVEN_SAME: Final = {"cr": "rc", "ga": "", "final": "", "release": ""}
_MAVEN_SHORT: Final = {"a": "alpha", "b": "beta", "m": "milestone"}


class UnknownVersion(ValueError):
    """It is no version by the rules of its language, so nobody can tell whether another is older."""


def why_unknown(ecosystem: Ecosystem, version: str) -> str:
    """Why nothing can be known of *version*; "" for one that can be compared with others."""
    if not version:
        return "its version is not known"
    try:
        compare(ecosystem, version, version)
    except UnknownVersion as error:
        return str(error)
    return ""


def compare(ecosystem: Ecosystem, one: str, other: str) -> int:
    """Negative if *one* is older than *other*, 0 if they are the same, positive otherwise. Raises UnknownVersion."""
    return _COMPARING[ecosystem](one, other)


def _python(one: str, other: str) -> int:
    try:
        return _order(Version(one), Version(other))
    except InvalidVersion as error:
        raise UnknownVersion(str(error)) from error


def _node(one: str, other: str) -> int:
    """Semantic versioning 2.0.0, item 11. What is built of the same source is the same version."""
    return _order(_semver(one), _semver(other))


def _semver(text: str) -> tuple[Any, ...]:
    found = _SEMVER.fullmatch(text.strip())
    if found is None:
        raise UnknownVersion(f"{text!r} is no semantic version")
    before = (found[4] or "").split(".") if found[4] else []
    # Numbers come before words, and a release after everything that led to it.
    identifiers = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in before)
    return (int(found[1]), int(found[2]), int(found[3]), not before, identifiers)


def _ruby(one: str, other: str) -> int:
    """As Gem::Version: a part that is a word makes it a version before the one without."""
    for left, right in zip_longest(_gem(one), _gem(other), fillvalue=(1, 0, "")):
        if left != right:
            return _order(left, right)
    return 0


def _gem(text: str) -> list[tuple[int, int, str]]:
    # A gem's platform follows its version after a hyphen; a hyphen before a number or word of the version is rare, and
    # means a version before it.
    version = re.sub(r"-(?=[0-9a-z])", ".pre.", text.strip(), flags=re.IGNORECASE)
    parts = _GEM_PART.findall(version)
    if not parts or not parts[0].isdigit():
        raise UnknownVersion(f"{text!r} is no version of a gem")
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]


def _java(one: str, other: str) -> int:
    """Maven's own order: https://maven.apache.org/pom.html#version-order-specification."""
    left, right = _maven(one), _maven(other)
    for number in range(max(len(left), len(right))):
        mine = left[number] if number < len(left) else _maven_null(right[number])
        theirs = right[number] if number < len(right) else _maven_null(left[number])
        found = _order(_maven_rank(mine), _maven_rank(theirs))
        if found:
            return found
    return 0


def _maven(text: str) -> list[tuple[str, str]]:
    """Separators and tokens of *text*, without what means nothing at the end and before each hyphen."""
    tokens: list[tuple[str, str]] = []
    found = [match for match in _MAVEN_PART.finditer(text.strip().lower()) if match[0]]
    for number, match in enumerate(found):
        separator = "-" if match[1] in ("-", "_") or (number and not match[1]) else match[1] or "."
        token = match[2] or "0"
        next_is_number = number + 1 < len(found) and not found[number + 1][1] and found[number + 1][2].isdigit()
        if next_is_number:
            token = _MAVEN_SHORT.get(token, token)
        tokens.append((separator, _MAVEN_SAME.get(token, token)))
    if not tokens:
        raise UnknownVersion(f"{text!r} is no version of Maven's")
    kept: list[tuple[str, str]] = []
    for separator, token in reversed(tokens):
        ends_here = not kept or kept[-1][0] == "-"
        if token.strip("0") or not ends_here:
            kept.append((separator, token))
    return kept[::-1]


def _maven_null(beside: tuple[str, str]) -> tuple[str, str]:
    separator, token = beside
    return (separator, "0" if separator == "." and token.isdigit() else "")


def _maven_rank(part: tuple[str, str]) -> tuple[int, int, str]:
    """.qualifier and -qualifier before -number before .number."""
    separator, token = part
    if token.isdigit():
        return (2 if separator == "." else 1, int(token), "")
    known = token in _MAVEN_QUALIFIERS
    return (0, _MAVEN_QUALIFIERS.index(token) if known else len(_MAVEN_QUALIFIERS), "" if known else token)


def _order(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)


_COMPARING: Final[dict[Ecosystem, Callable[[str, str], int]]] = {
    Ecosystem.PYTHON: _python,
    Ecosystem.NODE: _node,
    Ecosystem.RUBY: _ruby,
    Ecosystem.JAVA: _java,
}


def lowest_first(ecosystem: Ecosystem, versions: Sequence[str]) -> tuple[str, ...]:
    """*versions*, each once, the oldest first. Raises UnknownVersion."""

    def order(one: str, other: str) -> int:
        return compare(ecosystem, one, other)

    return tuple(sorted(dict.fromkeys(versions), key=cmp_to_key(order)))
