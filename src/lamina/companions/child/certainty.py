"""Chance and time, as a question found them: asked once more with both, it leaves the same identifiers and dates.

An upload's parts name it by an identifier that was drawn at random when it began; so do versions of objects, keys and
whatever else refers to what an earlier question made. moto draws them from a generator of its own or from the
system's, often through uuid4. Both are per thread here: with a seed, of that seed; without one, as they always were.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import moto.moto_api._internal as moto_internal
import time_machine
from moto.moto_api._internal.moto_random import MotoRandom

_system_urandom = os.urandom


class _Drawing(threading.local):
    """Where this thread draws from."""

    seeded: random.Random | None = None


_drawing = _Drawing()
_unseeded = random.SystemRandom()


class _ThreadsRandom(MotoRandom):
    """moto's generator, another one for each thread that has a seed."""

    def random(self) -> float:
        return (_drawing.seeded or _unseeded).random()

    def getrandbits(self, k: int) -> int:
        return (_drawing.seeded or _unseeded).getrandbits(k)


def _urandom(size: int) -> bytes:
    seeded = _drawing.seeded
    return _system_urandom(size) if seeded is None else seeded.randbytes(size)


def install() -> None:
    """Have everybody in this process draw here. Before any of moto's services is imported, which take it by name."""
    moto_internal.mock_random = _ThreadsRandom()
    os.urandom = _urandom


def new_seed() -> str:
    """A seed nobody can foresee: keys may be drawn from it."""
    return _system_urandom(16).hex()


@contextmanager
def seeded(seed: str) -> Iterator[None]:
    """Let what this thread draws follow from *seed*."""
    # Repeatable is what it has to be; nobody can foresee the seed.
    _drawing.seeded = random.Random(bytes.fromhex(seed))  # noqa: S311
    try:
        yield
    finally:
        _drawing.seeded = None


@contextmanager
def at(moment: float) -> Iterator[None]:
    """Let it be *moment*, in seconds since the epoch, for the whole process."""
    with time_machine.travel(moment, tick=False):
        yield
