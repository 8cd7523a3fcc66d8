"""What a server says to glibc of its threads' caches, beside what its user says."""

from __future__ import annotations

import pytest

from lamina.thread_caches import as_given, to_begin_with

pytestmark = pytest.mark.anybody

OURS = "glibc.malloc.tcache_count=0"


@pytest.mark.parametrize("given", ["", "glibc.malloc.arena_max=1", "glibc.malloc.arena_max=1:glibc.mem.tagging=0"])
def test_it_is_said_beside_what_the_user_says_and_taken_back(given: str) -> None:
    wanted = to_begin_with(given)
    assert wanted is not None
    assert wanted.split(":")[-1] == OURS
    assert as_given(wanted) == given


def test_a_user_who_has_said_how_it_is_to_be_is_not_contradicted() -> None:
    assert to_begin_with("glibc.malloc.tcache_count=3:glibc.malloc.arena_max=1") is None


@pytest.mark.parametrize("value", ["", "glibc.malloc.arena_max=1", f"{OURS}:glibc.malloc.arena_max=1"])
def test_what_does_not_end_with_it_was_not_made_here(value: str) -> None:
    assert as_given(value) is None
