"""Stops what runs in an environment while it waits for its next event, as AWS does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from lamina.worker.blanks import Prepared
from lamina.worker.channel import ChannelClosed
from lamina.worker.telemetry import Telemetry

# An environment used again within this time is not frozen in between: that would cost every call of a busy one.
_FREEZE_AFTER_S: Final = 0.02
_log = logging.getLogger(__name__)


class Freezer:
    """Freezes *prepared* once it has rested a while; *rests* says whether it does, *telemetry* who is being told."""

    def __init__(
        self, prepared: Prepared, rests: Callable[[], bool], telemetry: Callable[[], Telemetry | None]
    ) -> None:
        self._prepared = prepared
        self._rests = rests
        self._telemetry = telemetry
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._rested_since = 0.0
        self._frozen = False

    def soon(self) -> None:
        """It rests from now on."""
        self._rested_since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(_FREEZE_AFTER_S, self._freeze)

    def thaw(self) -> None:
        """Have it go on."""
        if self._frozen:
            self._frozen = False
            with contextlib.suppress(ChannelClosed):
                self._prepared.thaw()
        telemetry = self._telemetry()
        if telemetry is not None:
            telemetry.resume()

    def close(self) -> None:
        """It is about to end."""
        if self._timer is not None:
            self._timer.cancel()
        if self._frozen:
            # A group that is gone already has nothing to thaw.
            with contextlib.suppress(OSError):
                self.thaw()

    def _freeze(self) -> None:
        self._timer = None
        if self._frozen or not self._rests():
            return
        due = self._rested_since + _FREEZE_AFTER_S
        if self._loop.time() < due:
            # It has been used meanwhile. A timer for each rest would cost more.
            self._timer = self._loop.call_at(due, self._freeze)
            return
        telemetry = self._telemetry()
        if telemetry is not None:
            if telemetry.in_flight:
                # Whoever is being sent something shall be able to take it.
                self.soon()
                return
            telemetry.pause()
        try:
            self._prepared.freeze()
            self._frozen = True
        except (OSError, ChannelClosed):
            _log.warning("an idle environment could not be frozen", exc_info=True)
