"""The regular expressions of filter patterns, matched in time proportional to the message.

AWS's have no groups: alternatives of rows of characters and classes, each with a quantifier. Python's own engine tries
one way after the other, and `%.*a.*a.*a.*b%` on a message of 256 KB would occupy it for years, with the interpreter's
lock held. Here all ways are followed at once: a state is the set of places the expression may be at, as bits of an
integer, and where a character leads from a state is remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lamina.logs.patterns.errors import BadPattern, invalid

_PLACES_MAX: Final = 2000
_STEPS_REMEMBERED_MAX: Final = 20_000
_ALLOWED: Final = re.compile(r"[A-Za-z0-9:_#=@/;, \-^$?\[\]{}|\\*+.]*", re.ASCII)
_QUANTIFIER: Final = re.compile(r"\{(\d{1,4})(,(\d{0,4}))?\}", re.ASCII)
_CLASSES: Final = {"d": "0-9", "w": "A-Za-z0-9_", "s": r" \t\n\r\f\v"}

_Matches = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Place:
    """One character's place: it may be passed over, or stand any number of times."""

    matches: _Matches
    skippable: bool
    repeats: bool


def compile_regex(text: str) -> Callable[[str], bool]:
    """Whether *text*, without its `%`, is found anywhere in a message. Raises BadPattern."""
    if not text or not _ALLOWED.fullmatch(text):
        raise BadPattern(f"Invalid character(s) in term '%{text}%'")
    return _Search([_Row(alternative) for alternative in _alternatives(text)]).found


class _Row:
    """One alternative: its places, and whether it is bound to the beginning or the end of the message."""

    def __init__(self, text: str) -> None:
        self.at_start = text.startswith("^")
        text = text.removeprefix("^")
        self.at_end = text.endswith("$") and not text.endswith("\\$")
        if self.at_end:
            text = text[:-1]
        self.places: list[_Place] = []
        at = 0
        while at < len(text):
            matches, at = _atom(text, at)
            least, most, at = _quantity(text, at)
            if len(self.places) + max(least, most or 0) > _PLACES_MAX:
                raise invalid()
            self.places += [_Place(matches, False, False)] * least
            if most is None:
                self.places.append(_Place(matches, True, True))
            else:
                self.places += [_Place(matches, True, False)] * (most - least)


class _Search:
    def __init__(self, rows: list[_Row]) -> None:
        self._places = [place for row in rows for place in row.places]
        if len(self._places) > _PLACES_MAX:
            raise invalid()
        # Bit n: the expression may be about to take a character at place n; the bits above are ends of rows.
        self._begin = self._again = self._anywhere = self._at_end = 0
        self._after: list[int] = []
        first, end = 0, len(self._places)
        for row in rows:
            last = first + len(row.places)
            reached = self._reach(first, last, end)
            self._begin |= reached
            if not row.at_start:
                self._again |= reached
            for place in range(first, last):
                onward = self._reach(place + 1, last, end)
                self._after.append(onward | (1 << place if self._places[place].repeats else 0))
            if row.at_end:
                self._at_end |= 1 << end
            else:
                self._anywhere |= 1 << end
            first, end = last, end + 1
        self._steps: dict[tuple[int, str], int] = {}

    def found(self, message: str) -> bool:
        text = message.removesuffix("\n")
        state = self._begin
        for character in text:
            if state & self._anywhere:
                return True
            step = (state, character)
            following = self._steps.get(step)
            if following is None:
                following = self._step(state, character)
                if len(self._steps) >= _STEPS_REMEMBERED_MAX:
                    self._steps.clear()
                self._steps[step] = following
            state = following
        return bool(state & (self._anywhere | self._at_end))

    def _reach(self, place: int, last: int, end: int) -> int:
        """The places a row may be at once everything before *place* was taken."""
        reached = 0
        while place < last:
            reached |= 1 << place
            if not self._places[place].skippable:
                return reached
            place += 1
        return reached | 1 << end

    def _step(self, state: int, character: str) -> int:
        following = self._again
        for number, place in enumerate(self._places):
            if state >> number & 1 and place.matches(character):
                following |= self._after[number]
        return following


def _alternatives(text: str) -> list[str]:
    rows, row, at, in_class = [], "", 0, False
    while at < len(text):
        character = text[at]
        if character == "\\":
            row += text[at : at + 2]
            at += 2
            continue
        if character == "|" and not in_class:
            rows.append(row)
            row = ""
        else:
            in_class = character == "[" or (in_class and character != "]")
            row += character
        at += 1
    return [*rows, row]


def _atom(text: str, at: int) -> tuple[_Matches, int]:
    character = text[at]
    if character == ".":
        return (lambda _: True), at + 1
    if character == "[":
        end = at + 1
        while end < len(text) and text[end] != "]":
            end += 2 if text[end] == "\\" else 1
        if end >= len(text) or end == at + 1:
            raise invalid()
        return _one_of(text[at + 1 : end]), end + 1
    if character == "\\":
        end = at + 4 if text[at + 1 : at + 2] == "x" else at + 2
        if end > len(text):
            raise invalid()
        return _one_of(text[at:end]), end
    if character in "*+?{}]^$":
        raise invalid()
    return character.__eq__, at + 1


def _one_of(listed: str) -> _Matches:
    """Whether a character is one of those *listed* as in a class; Python's engine decides on single ones."""
    spelt = re.sub(r"\\([dws])", lambda escape: _CLASSES[escape[1]], listed).replace("[", r"\[")
    try:
        matcher = re.compile(f"[{spelt}]", re.ASCII)
    except re.error:
        raise invalid() from None
    return lambda character: matcher.match(character) is not None


def _quantity(text: str, at: int) -> tuple[int, int | None, int]:
    """How often the atom before *at* stands, at least and at most (None: without end); and where the text goes on."""
    mark = text[at : at + 1]
    if mark == "{":
        match = _QUANTIFIER.match(text, at)
        if match is None:
            raise invalid()
        least = int(match[1])
        most = least if match[2] is None else int(match[3]) if match[3] else None
        if most is not None and most < least:
            raise invalid()
        return least, most, match.end()
    least_most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(mark)
    return (1, 1, at) if least_most is None else (*least_most, at + 1)
