"""Has what log groups are to forget removed from the disk, every hour."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from lamina.log_store.groups import LogGroups
from lamina.log_store.reading import LogReader
from lamina.logs.retention import oldest_ms
from lamina.operations.stamps import Stamps

_EVERY_S: Final = 3600.0
_log = logging.getLogger(__name__)


class LogExpiry:
    """Events past their group's retention are shown no more at once; this gives their space back."""

    def __init__(self, groups: LogGroups, reader: LogReader, stamps: Stamps) -> None:
        self._groups, self._reader, self._stamps = groups, reader, stamps
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin; call on the loop."""
        self._task = asyncio.ensure_future(self._repeat())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def expire(self) -> int:
        """Remove what is past its time now; how many segments that were."""
        now_ms = int(self._stamps.seconds() * 1000)
        return sum(
            self._reader.expire(folder, oldest_ms(group.retention_days, now_ms))
            for folder, group in self._groups.everywhere()
            if group.retention_days is not None
        )

    async def _repeat(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.expire)
            except OSError:
                _log.warning("what log groups are to forget could not be removed", exc_info=True)
            await asyncio.sleep(_EVERY_S)
