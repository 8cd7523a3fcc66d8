"""The clock and the randomness that operations hand to pure code."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from lamina.functions.changing import Stamp


class Stamps:
    """Fresh identifiers and the present time. *now* gives seconds since the epoch."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now

    def seconds(self) -> float:
        """The present in seconds since the epoch."""
        return self._now()

    def text(self) -> str:
        """The present as the API shows times: `2026-01-02T03:04:05.678+0000`."""
        moment = datetime.fromtimestamp(self._now(), UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"

    def revision_id(self) -> str:
        return str(uuid.uuid4())

    def stamp(self) -> Stamp:
        return Stamp(self.revision_id(), self.text())
