"""What a fault does to which call, told from a number."""

from __future__ import annotations

import errno

import pytest

from faults.calls import Kind
from faults.points import GOES_ON, Fault, Point, Verdict, verdict

pytestmark = pytest.mark.anybody

WRITE = Point(Kind.WRITE, "write", "blobs/incoming/0", makes=False)
SYNC = Point(Kind.SYNC, "fsync", "blobs/incoming/0", makes=False)
OPENS = Point(Kind.OPEN, "openat", "catalog.db", makes=False)
MAKES = Point(Kind.OPEN, "openat", "blobs/incoming/0", makes=True)
UNLINK = Point(Kind.UNLINK, "unlink", "blobs/incoming/0", makes=False)


@pytest.mark.parametrize("fault", list(Fault))
def test_nothing_happens_before_its_turn(fault: Fault) -> None:
    assert verdict(fault, 5, 4, WRITE) == GOES_ON


@pytest.mark.parametrize("fault", [Fault.KILL, Fault.TORN, Fault.POWER, Fault.NAMES, Fault.SHORT, Fault.EIO])
def test_what_strikes_once_is_over_with_the_next_call(fault: Fault) -> None:
    assert verdict(fault, 5, 5, WRITE) != GOES_ON
    assert verdict(fault, 5, 6, WRITE) == GOES_ON


def test_a_torn_write_is_half_there_and_a_short_one_is_told() -> None:
    assert verdict(Fault.TORN, 1, 1, WRITE) == Verdict(kill=True, part=True)
    assert verdict(Fault.SHORT, 1, 1, WRITE) == Verdict(part=True)
    assert verdict(Fault.SHORT, 1, 1, SYNC) == GOES_ON


def test_a_full_disk_takes_half_and_then_nothing_that_needs_room() -> None:
    assert verdict(Fault.ENOSPC, 1, 1, WRITE) == Verdict(part=True)
    assert verdict(Fault.ENOSPC, 1, 2, WRITE) == Verdict(error=errno.ENOSPC)
    assert verdict(Fault.ENOSPC, 1, 3, MAKES) == Verdict(error=errno.ENOSPC)
    assert [verdict(Fault.ENOSPC, 1, 4, point) for point in (SYNC, OPENS, UNLINK)] == [GOES_ON] * 3


def test_a_disk_that_is_read_only_changes_nothing_any_more() -> None:
    refused = [verdict(Fault.EROFS, 2, number, point) for number, point in enumerate((WRITE, MAKES, OPENS, UNLINK), 2)]
    assert refused == [Verdict(error=errno.EROFS)] * 4
    assert verdict(Fault.EROFS, 2, 6, SYNC) == GOES_ON


def test_the_same_step_of_two_requests_is_one_place() -> None:
    digests = ("0a" * 31, "f3" * 31)
    assert len({Point(Kind.RENAME, "rename", f"trees/v1/00{hex_}", makes=False).place for hex_ in digests}) == 1
    assert len({Point(Kind.WRITE, "write", f"catalog.db{end}", makes=False).place for end in ("", "-wal")}) == 2
