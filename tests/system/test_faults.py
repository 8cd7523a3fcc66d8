"""A few points of the campaign of `python -m faults`: a fault strikes where the server changes its state folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from faults.campaign import House, campaign
from faults.listener import hindrance
from faults.operations import DeleteLayerVersion, Operation, PublishLayerVersion, UpdateFunctionCode
from faults.points import Fault
from tests.support.server import Server

# The same calls whoever makes them; and the filter comes before everything that a sandbox does.
pytestmark = [pytest.mark.anybody, pytest.mark.skipif(bool(hindrance()), reason=hindrance())]

_APART = 1_000


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House.open(tmp_path_factory.mktemp("faults")) as house:
        yield house


@pytest.mark.parametrize(
    ("first", "make", "fault", "points"),
    [
        # The blob's bytes and its name, the first write of the transaction, its sync, and what comes behind it.
        (0, PublishLayerVersion, Fault.KILL, {3, 5, 8}),
        (1, DeleteLayerVersion, Fault.KILL, {7}),
        (2, UpdateFunctionCode, Fault.TORN, {2}),
        (3, PublishLayerVersion, Fault.EIO, set(range(1, 30))),
        (4, PublishLayerVersion, Fault.ENOSPC, {2, 5, 9}),
        (5, PublishLayerVersion, Fault.EROFS, {1, 8}),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_what_was_acknowledged_is_there_and_nothing_is_half_there(
    house: House, first: int, make: Callable[[Server], Operation], fault: Fault, points: set[int]
) -> None:
    result = campaign(make, fault, house, first=first * _APART, choose=points.__contains__)
    assert result.broken == []
    assert result.struck
