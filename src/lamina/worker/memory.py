"""How much memory an environment has used, for the report at the end of every event.

The figures that count, what all processes hold and the most the runtime's process ever held, take the kernel a tenth of
a millisecond to put together. Two that it has at hand, read from files that stay open, tell whether they can have
become larger: no process takes memory without its group's highest charge going up, or what is resident of it. A few
pages more do not change a figure in megabytes: they are left to add up.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Final, Protocol

from lamina.sandbox import kernel_files

# The kernel may be so late with what it tells of a group, which it counts for each processor by itself.
_LATE_S: Final = 3.0
# While it may be late it is asked again and again, but not at the end of every short event.
_AGAIN_S: Final = 0.1
_FEW_BYTES: Final = 128 * 1024
_FEW_PAGES: Final = _FEW_BYTES // os.sysconf("SC_PAGESIZE")


class Group(Protocol):
    """What of a sandbox is asked."""

    def memory_held_bytes(self) -> int: ...

    def memory_peak_bytes(self) -> int | None: ...


class MemoryGauge:
    """The most that the processes of *group* are known to have held."""

    def __init__(self, group: Group, clock: Callable[[], float] = time.monotonic) -> None:
        self._group = group
        self._clock = clock
        self._unsettled_until = self._asked_at = 0.0
        self._used_mb = 1
        self._charged: int | None = None
        self._resident = -1
        # Of the process that is the runtime.
        self._pid = 0
        self._statm: int | None = None

    def is_all(self, memory_mb: int) -> None:
        """It had all there was for it."""
        self._used_mb = memory_mb

    def ended(self, resident_peak_kb: int) -> None:
        """A process has ended that held so much at its most; what it held since the last event was never asked."""
        self._used_mb = max(self._used_mb, resident_peak_kb >> 10)

    def used_mb(self, pid: int) -> int:
        """At the end of an event; of the runtime's process, which is *pid* (0: unknown), at any time.

        What the runtime shares with its zygote is included, as AWS's figure includes the runtime.
        """
        if pid != self._pid:
            self._follow(pid)
        charged, resident = self._group.memory_peak_bytes(), self._resident_pages()
        if charged is None or resident is None or self._has_grown(charged, resident):
            self._charged, self._resident = charged, -1 if resident is None else resident
            self._asked_at = self._clock()
            self._unsettled_until = self._asked_at + _LATE_S
        else:
            now = self._clock()
            if now >= self._unsettled_until or now < self._asked_at + _AGAIN_S:
                return self._used_mb
            self._asked_at = now
        held = self._group.memory_held_bytes() >> 20, _resident_peak_kb(self._pid) >> 10
        self._used_mb = max(self._used_mb, *held)
        return self._used_mb

    def _has_grown(self, charged: int, resident: int) -> bool:
        """Whether by more than a few pages since it was last looked into."""
        if self._charged is None or self._resident < 0:
            return True
        return charged - self._charged >= _FEW_BYTES or resident - self._resident >= _FEW_PAGES

    def close(self) -> None:
        if self._statm is not None:
            os.close(self._statm)
            self._statm = None

    def _follow(self, pid: int) -> None:
        self.close()
        self._pid, self._resident = pid, -1
        if pid:
            with contextlib.suppress(OSError):
                self._statm = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)

    def _resident_pages(self) -> int | None:
        if self._statm is None:
            return None
        try:
            return int(os.pread(self._statm, 128, 0).split(b" ", 2)[1])
        except (OSError, IndexError):
            # It has ended.
            return None


def _resident_peak_kb(pid: int) -> int:
    if pid:
        with contextlib.suppress(OSError):
            # As bytes: the first line is a name that the function chooses, in which no line ends.
            return kernel_files.number_behind(kernel_files.read(f"/proc/{pid}/status"), b"VmHWM:")
    return 0
