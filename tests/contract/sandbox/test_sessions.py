"""Whether the kernel shares the processors among sessions, by what is to be seen of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.sandbox import cgroups, sessions

pytestmark = pytest.mark.anybody


def test_who_is_at_the_top_of_version_1_is_in_no_group(tmp_path: Path) -> None:
    (tmp_path / "release_agent").write_text("")
    (tmp_path / "user.slice").mkdir()
    assert not sessions.is_grouped({"cpu": tmp_path}, {"cpu": "/"})
    assert sessions.is_grouped({"cpu": tmp_path}, {"cpu": "/user.slice"})


def test_a_container_that_sees_its_own_group_as_the_top_is_in_one(tmp_path: Path) -> None:
    assert sessions.is_grouped({"cpu": tmp_path}, {"cpu": "/"})
    assert sessions.is_grouped({"cpu": tmp_path}, {"cpu": "/docker/0123"})


def test_in_version_2_the_nearest_group_that_has_the_controller_counts(tmp_path: Path) -> None:
    own = tmp_path / "user.slice" / "session"
    own.mkdir(parents=True)
    assert not sessions.is_grouped({"": tmp_path}, {"": "/user.slice/session"})
    (tmp_path / "user.slice" / "cpu.weight").write_text("100")
    assert sessions.is_grouped({"": tmp_path}, {"": "/user.slice/session"})
    assert not sessions.is_grouped({"": tmp_path}, {"": "/"})


def test_without_any_controllers_there_are_only_sessions() -> None:
    assert not sessions.is_grouped({}, {})


@pytest.mark.parametrize(
    ("switch", "grouped", "shared"), [("1\n", False, True), ("1\n", True, False), ("0\n", False, False)]
)
def test_sessions_count_where_they_are_switched_on_and_no_group_stands_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switch: str, grouped: bool, shared: bool
) -> None:
    (tmp_path / "switch").write_text(switch)
    monkeypatch.setattr(sessions, "_SWITCH", tmp_path / "switch")
    monkeypatch.setattr(cgroups, "mounts", lambda: {"cpu": tmp_path})
    monkeypatch.setattr(cgroups, "own_groups", lambda: {"cpu": "/"})
    if not grouped:
        (tmp_path / "release_agent").write_text("")
    assert sessions.share_processors() == shared


def test_a_kernel_without_sessions_shares_among_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_SWITCH", tmp_path / "none")
    assert not sessions.share_processors()
