"""The pages on findings, which explain and mend: docs/checks/, from wherever Lamina is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

# A wheel has them beside this file (pyproject.toml puts them there), a checkout where its other documents are.
_PLACES: Final = (Path(__file__).with_name("pages"), Path(__file__).parents[4] / "docs" / "checks")


def page(finding: str) -> str:
    """The page on the finding with this id, in Markdown."""
    folder = next(place for place in _PLACES if place.is_dir())
    return (folder / f"{finding}.md").read_text("utf-8")
