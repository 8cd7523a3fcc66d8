"""What a killed change of the accounts file leaves, and who takes it away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lamina.accounts import files

pytestmark = pytest.mark.anybody


def test_no_secret_of_a_change_that_was_killed_is_left_lying_about(tmp_path: Path) -> None:
    (tmp_path / ".accounts.json.0ca71aa496bf422b9cfdd9f18cd601d0").write_text("half of it")
    (tmp_path / ".accounts.yaml").write_text("somebody else's")
    files.update(tmp_path / "accounts.json", lambda register: register)
    assert sorted(os.listdir(tmp_path)) == [".accounts.yaml", "accounts.json"]
