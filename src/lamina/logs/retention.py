"""How long events are kept."""

from __future__ import annotations

from typing import Final

DAYS: Final = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
_DAY_MS: Final = 86_400_000


def is_allowed(days: int) -> bool:
    """Whether AWS lets a group keep its events for *days*."""
    return days in DAYS


def oldest_ms(retention_days: int | None, now_ms: int) -> int:
    """The time of the oldest event that a group still shows."""
    return 0 if retention_days is None else max(0, now_ms - retention_days * _DAY_MS)
