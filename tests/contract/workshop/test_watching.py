"""Seeing on a real disk that files have changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lamina.workshop.running.watching import look, wait_changed


def _rewrite(folder: Path) -> None:
    path = folder / "below" / "a"
    before = path.stat()
    path.write_text("new")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("change", "which"),
    [
        (_rewrite, ["below/a"]),
        (lambda folder: (folder / "b").touch(), ["b"]),
        (lambda folder: (folder / "below" / "a").unlink(), ["below/a"]),
        (lambda folder: (folder / "below" / "a").rename(folder / "c"), ["below/a", "c"]),
        (lambda folder: (folder / "below" / "a").chmod(0o755), ["below/a"]),
    ],
)
def test_each_change_is_seen(tmp_path: Path, change: Callable[[Path], object], which: list[str]) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a").write_text("old")
    before = look([tmp_path])
    changes = iter([change])

    def wait(_seconds: float) -> None:
        for each in changes:
            each(tmp_path)

    changed, state = wait_changed([tmp_path], before, wait=wait)
    assert changed == [str(tmp_path / path) for path in which]
    assert state == look([tmp_path])


def test_what_still_changes_is_waited_for(tmp_path: Path) -> None:
    before = look([tmp_path])
    waits = iter("abc")

    def wait(_seconds: float) -> None:
        if name := next(waits, None):
            (tmp_path / name).touch()

    changed, _ = wait_changed([tmp_path], before, wait=wait)
    assert [Path(path).name for path in changed] == ["a", "b", "c"]


def test_byte_code_version_control_and_what_is_gone_do_not_count(tmp_path: Path) -> None:
    for name in ("__pycache__", ".git"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
    assert look([tmp_path, tmp_path / "gone"]) == {}
