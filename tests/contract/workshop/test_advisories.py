"""Files of advisories: what can be read, and what must not be taken for one that knows of nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.workshop.auditing.database import DatabaseUnreadable, audit
from lamina.workshop.inventory.components import Component
from lamina.workshop.packages import Ecosystem
from tests.support import zips

COMPONENT = Component(Ecosystem.PYTHON, "", "urllib3", "1.26.4", "record")
RECORD = b'{"id": "X", "affected": [{"package": {"ecosystem": "PyPI", "name": "urllib3"}, "versions": ["1.26.4"]}]}'


def _silent(_: str) -> None:
    """Nobody watches."""


@pytest.mark.parametrize("content", [RECORD, b"\n" + RECORD + b"\n\n", zips.of({"a/x.json": RECORD, "README": b""})])
def test_records_stand_in_lines_or_in_a_zip(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "database"
    file.write_bytes(content)
    (found,) = audit([COMPONENT], [file], _silent)
    assert ([each.id for each in found.advisories], found.by) == (["X"], "database")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no record\n",
        b"[1]\n",
        b'{"affected": []}',
        b'{"id": "X", "affected": 1}',
        RECORD + b'\n{"name":"urllib3"',
        zips.of({"x.json": b"{"}),
        zips.of({"x": b""}),
        zips.of({"x.json": RECORD})[:-30],
    ],
)
def test_what_is_no_database_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "database"
    file.write_bytes(content)
    with pytest.raises(DatabaseUnreadable, match="database is no database of advisories"):
        audit([COMPONENT], [file], _silent)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnreadable, match="No such file"):
        audit([COMPONENT], [tmp_path / "missing"], _silent)
