"""Stores for the tests beside this."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.store import Blobs, Trees
from lamina.store.object_blobs import ObjectBlobs


@pytest.fixture
def blobs() -> Blobs:
    return ObjectBlobs.in_memory()


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees.open(tmp_path / "trees")
