"""Large bodies have so much room together; it is free again when the last of a request has gone."""

from __future__ import annotations

import pytest

from lamina.gateway.rooms import Rooms

pytestmark = pytest.mark.anybody


def test_who_finds_no_room_is_refused_until_somebody_leaves() -> None:
    rooms = Rooms(bytes_max=100)
    first, second = rooms.take(60), rooms.take(40)
    assert first is not None
    assert second is not None
    assert rooms.take(1) is None
    del second
    assert rooms.taken_bytes == 60
    assert rooms.take(41) is None
    assert rooms.take(40) is not None


def test_what_is_larger_than_all_room_has_it_alone() -> None:
    rooms = Rooms(bytes_max=100)
    large = rooms.take(1000)
    assert large is not None
    assert rooms.take(1) is None
    del large
    assert rooms.take(1) is not None
