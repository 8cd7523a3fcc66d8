"""User ids: one environment each, or one for all where each has a namespace of its own."""

from __future__ import annotations

import pytest

from lamina.worker.uids import Uids
from lamina.worker.zygotes import SandboxFailed


def test_no_two_environments_have_one_id() -> None:
    uids = Uids(70000, 3)
    assert sorted(uids.take() for _ in range(3)) == [70000, 70001, 70002]
    with pytest.raises(SandboxFailed, match=r"all user ids for sandboxes are in use"):
        uids.take()


def test_an_id_given_back_is_used_again_as_late_as_can_be() -> None:
    uids = Uids(70000, 3)
    first = uids.take()
    uids.give_back(first)
    assert [uids.take() for _ in range(3)] == [70001, 70002, 70000]


def test_a_single_id_is_not_shared_unasked() -> None:
    uids = Uids(70000, 1)
    uids.take()
    with pytest.raises(SandboxFailed):
        uids.take()


def test_where_each_has_a_namespace_one_id_is_shared() -> None:
    uids = Uids(1051, 1, shared=True)
    assert [uids.take(), uids.take()] == [1051, 1051]
    uids.give_back(1051)
    assert [uids.take(), uids.take()] == [1051, 1051]
