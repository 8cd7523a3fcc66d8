"""Packages by licence, for a person."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence

from lamina.cli.visible import visible
from lamina.workshop.artifacts import Artifact
from lamina.workshop.inventory.licence_list import by_licence


def licence_lines(artifacts: Sequence[Artifact]) -> list[str]:
    """A licence a line with its packages; on a terminal they go on below one another."""
    rows = [(visible(text) or "(none declared)", visible(", ".join(names))) for text, names in by_licence(artifacts)]
    if not rows:
        return ["no package has left a record of itself"]
    column = min(max(len(text) for text, _ in rows), 32) + 2
    if not sys.stdout.isatty():
        return [f"{text:<{column - 2}}  {names}" for text, names in rows]
    width = max(shutil.get_terminal_size().columns - column, 20)
    lines = []
    for text, names in rows:
        # A version stays beside its name.
        tied = names.replace(" ", "\0").replace(",\0", ", ")
        parts = textwrap.wrap(tied, width, break_long_words=False, break_on_hyphens=False)
        starts = [f"{text:<{column - 2}}  ", *(" " * column for _ in parts[1:])]
        lines += [start + part.replace("\0", " ") for start, part in zip(starts, parts, strict=True)]
    return lines
