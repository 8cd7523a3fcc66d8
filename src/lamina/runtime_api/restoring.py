"""SnapStart's two steps of the Runtime API: a runtime waits to be restored, or says why it could not be.

Source: the Runtime API's documentation of `restore/next` and `restore/error`, which runtimes with hooks around a
snapshot use. Without a snapshot the wait is over at once, so that the hooks run all the same.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina.runtime_api.replies import ACCEPTED, Reply, refusal
from lamina.runtime_api.session import InitFailed

_RESTORED = Reply(200)


class Restoring:
    """The conversation with one runtime, which waits here until `restore` where it is *held*.

    *waits* is called when it begins to, *failed* when a hook behind it fails.
    """

    def __init__(self, held: bool, waits: Callable[[], None], failed: Callable[[InitFailed], None]) -> None:
        self._held = held
        self._waits, self._failed = waits, failed
        self._waiting: Callable[[Reply], None] | None = None
        self._restored = not held

    @property
    def waiting(self) -> bool:
        """Whether a runtime has asked, and is still to be restored."""
        return self._waiting is not None

    def next(self, reply: Callable[[Reply], None]) -> Reply | None:
        """GET /runtime/restore/next: the reply; None if *reply* is called when the environment is restored."""
        if self._restored:
            return _RESTORED
        self._waiting = reply
        self._waits()
        return None

    def hung_up(self, reply: Callable[[Reply], None]) -> None:
        """The connection on which *reply* waits has gone."""
        if self._waiting is reply:
            self._waiting = None

    def restore(self) -> None:
        """Have the runtime go on; whoever asks from now on does at once."""
        self._restored = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting(_RESTORED)

    def takes_error(self) -> bool:
        """Whether a failure would be taken now: the body of any other need not be kept."""
        return self._restored

    def error(self, payload: bytes, error_type: str) -> Reply:
        """POST /runtime/restore/error"""
        if not self._restored:
            return refusal(403, "InvalidStateTransition", "State transition from Ready to RestoreError failed")
        self._failed(InitFailed(payload, error_type or "Runtime.Unknown"))
        return ACCEPTED
