"""Which fault befalls which call: decided from what has been counted, without a process to do it to. Pure."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from faults.calls import Kind

# What needs no room on a disk that is full: taking away, and looking as it did.
_NEEDS_NO_ROOM: Final = frozenset((Kind.UNLINK, Kind.TRUNCATE, Kind.CHMOD, Kind.TIMES, Kind.SYNC))
_RANDOM: Final = re.compile(r"[0-9a-f]{62,64}|[0-9a-f-]{32,36}|(?<=[-/])[A-Za-z0-9_-]{43}(?=/|$)")


class Fault(StrEnum):
    """What happens at the chosen point, and from then on.

    `kill` ends the server before the call, `torn` after half of what it writes. `power` leaves of the disk what had
    been synced before the call, `names` all names besides. `short` has the kernel take half of a write, as it may at
    any time. `EIO` fails the one call. With `ENOSPC` the call that is chosen writes half, and nothing finds room from
    then on until the fault is lifted; with `EROFS` nothing changes any more.
    """

    KILL = "kill"
    TORN = "torn"
    POWER = "power"
    NAMES = "names"
    SHORT = "short"
    EIO = "EIO"
    ENOSPC = "ENOSPC"
    EROFS = "EROFS"

    @property
    def ends_server(self) -> bool:
        return self in (Fault.KILL, Fault.TORN) or self.cuts_power

    @property
    def cuts_power(self) -> bool:
        return self in (Fault.POWER, Fault.NAMES)

    def is_of(self, point: Point) -> bool:
        """Whether it can strike there: of what is no write, nothing is half."""
        return point.kind is Kind.WRITE or self not in (Fault.TORN, Fault.SHORT)


@dataclass(frozen=True, slots=True)
class Point:
    """A call that changes something below the state folder; `where` is relative to that."""

    kind: Kind
    call: str
    where: str
    makes: bool

    @property
    def place(self) -> str:
        """`where` without what is another each time, so that the same step of two requests is one place."""
        return _RANDOM.sub("*", self.where)

    def __str__(self) -> str:
        return f"{self.call} {self.place}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one call: the process is killed, or the call takes a part, or it fails with `error`, or none."""

    kill: bool = False
    part: bool = False
    error: int = 0


GOES_ON: Final = Verdict()


def verdict(fault: Fault, at: int, number: int, point: Point) -> Verdict:
    """What *fault*, which begins with the call *at*, does to the call *number*; both count from 1."""
    if number < at:
        return GOES_ON
    match fault:
        case Fault.ENOSPC:
            if point.kind in _NEEDS_NO_ROOM or (point.kind is Kind.OPEN and not point.makes):
                return GOES_ON
            if number == at and point.kind is Kind.WRITE:
                return Verdict(part=True)
            return Verdict(error=errno.ENOSPC)
        case Fault.EROFS:
            return GOES_ON if point.kind is Kind.SYNC else Verdict(error=errno.EROFS)
        case _ if number > at:
            return GOES_ON
        case Fault.EIO:
            return Verdict(error=errno.EIO)
        case Fault.KILL | Fault.POWER | Fault.NAMES:
            return Verdict(kill=True)
        case Fault.TORN | Fault.SHORT:
            return Verdict(kill=fault is Fault.TORN, part=point.kind is Kind.WRITE)
