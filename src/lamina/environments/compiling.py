"""Byte-code of trees: which runtimes have it, and how a compiler is asked for it that may die of what it reads."""

from __future__ import annotations

import struct
from collections.abc import Container, Iterable
from typing import Final

from lamina.functions.runtimes import Language

_ASKED_AT_ONCE: Final = 500
_FAILURES_MAX: Final = 8
_QUIET_SECONDS: Final = 0.25
_PATIENCE_SECONDS: Final = 5.0
_LENGTH: Final = struct.Struct("<I")


def cache_tag(runtime: str) -> str | None:
    """What byte-code for *runtime* is called ("cpython-312"); None where there is none."""
    language = Language.of(runtime)
    return f"cpython-{language.version.replace('.', '')}" if language.family == "python" else None


def worthwhile(declared: Iterable[str], ready: Container[str], running: Container[str]) -> list[str]:
    """The runtimes to compile a layer for as soon as it is published, of those it is *declared* for.

    Those that are *running* already; else one that is *ready* to, the newest, to spare the memory of the others. It is
    compiled for those when a function wants it.
    """
    possible = [runtime for runtime in declared if cache_tag(runtime) is not None and runtime in ready]
    in_use = [runtime for runtime in possible if runtime in running]
    return in_use or sorted(possible, key=_minor)[-1:]


def _minor(runtime: str) -> int:
    return int(Language.of(runtime).version.rpartition(".")[2])


def compiling_begins(since: float, asked: float) -> float:
    """When to begin with the next of what waits *since* then, if somebody *asked* for more last; in seconds.

    Whoever asks is answering somebody, or starting an environment: that comes first. But who asks without end is not
    waited for.
    """
    return min(asked + _QUIET_SECONDS, since + _PATIENCE_SECONDS)


def frames(answer: bytes, asked: int) -> list[bytes]:
    """What a compiler made of the first of the *asked* sources; nothing if it does not keep to the form."""
    found: list[bytes] = []
    at = 0
    while at < len(answer):
        if len(found) == asked or at + _LENGTH.size > len(answer):
            return []
        (length,) = _LENGTH.unpack_from(answer, at)
        at += _LENGTH.size
        if at + length > len(answer):
            return []
        found.append(answer[at : at + length])
        at += length
    return found


class Asking:
    """Which of *count* sources to ask for next. Answers take as many of the first as they like, or do not come."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._next = 0
        # Those before it are asked for one by one: one of them has cost an answer.
        self._alone_until = 0
        self._failures = 0
        self.given_up: list[int] = []

    def next(self) -> range:
        """Their numbers; empty when all have been asked for."""
        size = 1 if self._next < self._alone_until else _ASKED_AT_ONCE
        return range(self._next, min(self._next + size, self._count))

    def answered(self, number: int) -> None:
        """The first *number* of them are done."""
        self._next += number

    def failed(self) -> None:
        """No answer came. After too many of that, all the others are given up."""
        asked = self.next()
        self._failures += 1
        if self._failures >= _FAILURES_MAX:
            self.give_up()
        elif len(asked) == 1:
            self.given_up += asked
            self._next += 1
        else:
            self._alone_until = asked.stop

    def give_up(self) -> None:
        """Ask for none any more."""
        self.given_up += range(self._next, self._count)
        self._next = self._count
