"""A few points of the campaign of `python -m faults`: a fault strikes where the server changes its state folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from faults.campaign import House, campaign
from faults.listener import hindrance
from faults.operations import DeleteLayerVersion, Operation, PublishLayerVersion, UpdateFunctionCode
from faults.points import Fault, Point
from tests.support.server import Server

# The same calls whoever makes them; and the filter comes before everything that a sandbox does.
pytestmark = [pytest.mark.anybody, pytest.mark.skipif(bool(hindrance()), reason=hindrance())]

_APART = 1_000


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House.open(tmp_path_factory.mktemp("faults")) as house:
        yield house


# What is written down, in this order: the archive, its name, the row, that the row is there.
BYTES, NAME, ROW, COMMIT = "write blobs/incoming", "rename blobs", "pwrite64 catalog", "fdatasync catalog"


@pytest.mark.parametrize(
    ("first", "make", "fault", "places"),
    [
        (0, PublishLayerVersion, Fault.KILL, [NAME, COMMIT]),
        (1, PublishLayerVersion, Fault.NAMES, ["fsync blobs/sha256"]),
        (2, DeleteLayerVersion, Fault.POWER, ["unlink blobs"]),
        (3, UpdateFunctionCode, Fault.TORN, [BYTES]),
        (4, PublishLayerVersion, Fault.EIO, [BYTES, "fsync blobs/incoming", NAME, ROW, COMMIT]),
        (5, PublishLayerVersion, Fault.ENOSPC, [BYTES, ROW]),
        (6, PublishLayerVersion, Fault.EROFS, [NAME]),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value),
)
def test_what_was_acknowledged_is_there_and_nothing_is_half_there(
    house: House, first: int, make: Callable[[Server], Operation], fault: Fault, places: Sequence[str]
) -> None:
    untried = list(places)

    def choose(point: Point) -> bool:
        found = next((place for place in untried if str(point).startswith(place)), None)
        if found is not None:
            untried.remove(found)
        return found is not None

    result = campaign(make, fault, house, first=1 + first * _APART, choose=choose)
    assert result.broken == []
    assert untried == []
    assert result.struck
