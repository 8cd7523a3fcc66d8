"""Which idle environments end: those whose time is over, and as many as memory is short of.

An idle environment is a cache: it makes its function's next call faster, and is worth less than the memory that a call
under way, or another program of the machine, would have to do without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

M = TypeVar("M")

RESERVE_BYTES_MAX: Final = 512 << 20
_RESERVE_SHARE: Final = 20
# What ending one brings at least, where nothing tells what it holds: an interpreter, and what the kernel keeps of it.
_LEAST_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Idle(Generic[M]):
    """An environment nobody uses, *since* when; `sound` if it could serve a call, `kept` if somebody pays for it.

    One that is `lasting` ends for want of memory only, whatever the time.
    """

    member: M
    since: float  # seconds, of the same clock as now
    sound: bool = True
    kept: bool = False
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """An idle environment is kept for *keepalive_s*, and while more than *reserve_bytes* of memory are available."""

    keepalive_s: float
    reserve_bytes: int

    def over(self, idle: Sequence[Idle[M]], now: float, available_bytes: int, held: Callable[[M], int]) -> list[M]:
        """Those of *idle*, which has the one idle for longest first, that are to end now.

        *held* tells the bytes that one holds; it is asked only of those that go for want of memory. Some more go than
        are needed at this moment, so that the next call does not find memory as short.
        """
        ending, staying = [], []
        for each in idle:
            timely = each.lasting or each.since >= now - self.keepalive_s
            if not each.sound or not (timely or each.kept):
                ending.append(each.member)
            elif not each.kept:
                staying.append(each.member)
        if available_bytes < self.reserve_bytes:
            missing = self.reserve_bytes + self.reserve_bytes // 4 - available_bytes
            for member in staying:
                if missing <= 0:
                    break
                ending.append(member)
                missing -= max(_LEAST_BYTES, held(member))
        return ending


def reserve_bytes(wanted_mb: int | None, total_bytes: int) -> int:
    """How much memory is to stay available: what the operator wants, else a share of all there is."""
    if wanted_mb is not None:
        return wanted_mb << 20
    return min(RESERVE_BYTES_MAX, total_bytes // _RESERVE_SHARE)
