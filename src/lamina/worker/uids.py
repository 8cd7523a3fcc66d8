"""User ids for sandboxes."""

from __future__ import annotations

from collections import deque

from lamina.worker.zygotes import SandboxFailed


class Uids:
    """The user ids environments run under, each by one environment at a time; or one by all, if *shared*."""

    def __init__(self, first: int, count: int, shared: bool = False) -> None:
        self.count = count
        self._free = deque(range(first, first + count))
        self.shared = shared

    def take(self) -> int:
        """An id nobody else has; where one is shared, every environment has a user namespace of its own for it."""
        if self.shared:
            return self._free[0]
        if not self._free:
            raise SandboxFailed("all user ids for sandboxes are in use")
        return self._free.popleft()

    def give_back(self, uid: int) -> None:
        if not self.shared:
            self._free.append(uid)
