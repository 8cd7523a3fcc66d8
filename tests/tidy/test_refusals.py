"""What Lamina refuses is documented."""

from __future__ import annotations

from pathlib import Path

from lamina.functions.unsupported import SETTINGS

PAGE = Path(__file__).parents[2] / "docs" / "OPERATIONS.md"


def test_every_setting_that_is_refused_is_on_the_page_of_operations() -> None:
    refused = PAGE.read_text("utf-8").partition("## Refused by name")[2]
    assert [setting for setting in SETTINGS if f"`{setting}`" not in refused] == []
