"""Keeping caches small: what was used least lately goes first. Pure but for `trim`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KEPT_BYTES: Final = 4_000_000_000
# Another command may be at it.
_IN_USE_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Kept:
    """A file or folder of a cache. `used_at` is in seconds since 1970."""

    path: Path
    size_bytes: int
    used_at: float


def superfluous(kept: Iterable[Kept], now: float, kept_bytes: int = KEPT_BYTES) -> list[Path]:
    """What of a cache has to go so that it takes *kept_bytes*, the longest unused first; nothing of the last hour."""
    rest = sorted(kept, key=lambda each: each.used_at)
    total = sum(each.size_bytes for each in rest)
    gone = []
    for each in rest:
        if total <= kept_bytes or each.used_at > now - _IN_USE_S:
            break
        gone.append(each.path)
        total -= each.size_bytes
    return gone


def trim(paths: Sequence[Path], now: float, kept_bytes: int = KEPT_BYTES) -> None:
    """Remove of *paths*, all that a cache holds, what is superfluous; when one was used is when it was changed."""
    kept = []
    for path in paths:
        # Another command may be trimming, too.
        with suppress(FileNotFoundError):
            kept.append(Kept(path, _size(path), path.stat().st_mtime))
    for path in superfluous(kept, now, kept_bytes):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size
