"""What is kept of packages that were fetched for tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.fetching import kept

MONTHS_AGO = 1_000_000_000


def test_what_nobody_has_used_for_a_month_goes_once_its_successor_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMINA_TEST_CACHE", str(tmp_path))
    old, lately, other = kept("a", [b"1"], _fill), kept("a", [b"2"], _fill), kept("a-b", [b"1"], _fill)
    for folder in (old, other):
        os.utime(folder, (MONTHS_AGO, MONTHS_AGO))
    new = kept("a", [b"3"], _fill)
    assert sorted(path for path in new.parent.iterdir() if path.is_dir()) == sorted([lately, other, new])
    os.utime(new, (MONTHS_AGO, MONTHS_AGO))
    assert kept("a", [b"3"], _fill) == new
    assert new.stat().st_mtime > MONTHS_AGO, "it was used"


def _fill(folder: Path) -> None:
    (folder / "file").write_text("whole")
