"""One suite, every catalog: in memory, and in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lamina.catalog.port import Catalog
from lamina.catalog.sql import SqlCatalog


@pytest.fixture(params=["memory", "file"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    opened: Catalog = SqlCatalog.open("sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/catalog.db")
    yield opened
    opened.close()
