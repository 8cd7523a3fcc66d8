"""How often the signatures of one address were wrong: who tries on is told to wait, before anything is verified. Pure.

Others may share the address, so a key that was right from there goes on being believed meanwhile.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from lamina.gateway.addresses import Origin, origin
from lamina.values import dataclass

# The address that was wrong least recently is forgotten.
ORIGINS_MAX: Final = 4096
_GOOD_KEYS_MAX: Final = 16
_MINUTE_S: Final = 60.0


@dataclass(slots=True)
class _Record:
    """What an address has left of its wrong signatures, at a time; keys that were right there since the first."""

    left: float
    at: float
    good: dict[str, None]
    is_told: bool = False


class Failures:
    """Allows each *origin* so many wrong signatures *a_minute*, all of them at once at first; with 0 any number."""

    def __init__(self, a_minute: int = 0, origin: Origin = origin, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_minute = a_minute
        self._origin, self._clock = origin, clock
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def may_try(self, peer: str, key: str) -> bool:
        """Whether a signature of *peer*'s by the access key *key* is to be looked at."""
        record = self._record(peer)
        if record is None or key in record.good:
            return True
        self._refill(record)
        return record.left >= 1

    def failed(self, peer: str, key: str) -> bool:
        """That it was wrong; whether *peer* has just come to an end with it."""
        who = self._origin(peer) if self._a_minute else None
        if who is None:
            return False
        record = self._records.get(who)
        if record is None:
            record = self._records[who] = _Record(self._a_minute, self._clock(), {})
            if len(self._records) > ORIGINS_MAX:
                self._records.popitem(last=False)
        self._records.move_to_end(who)
        self._refill(record)
        record.left = max(0.0, record.left - 1)
        record.good.pop(key, None)
        ends = record.left < 1 and not record.is_told
        record.is_told = record.is_told or ends
        return ends

    def right(self, peer: str, key: str) -> None:
        """That it was right."""
        record = self._record(peer)
        if record is None:
            return
        record.good.pop(key, None)
        record.good[key] = None
        if len(record.good) > _GOOD_KEYS_MAX:
            del record.good[next(iter(record.good))]

    def _record(self, peer: str) -> _Record | None:
        if not self._records:
            return None
        who = self._origin(peer)
        return None if who is None else self._records.get(who)

    def _refill(self, record: _Record) -> None:
        now = self._clock()
        record.left = min(self._a_minute, record.left + (now - record.at) * self._a_minute / _MINUTE_S)
        record.at = now
        if record.left >= self._a_minute:
            record.is_told = False
