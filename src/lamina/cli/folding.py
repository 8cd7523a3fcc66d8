"""Lines for a person at a terminal, broken between words; whoever reads from a pipe gets them whole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def folded(text: str) -> str:
    """*text* as it is to be written to standard error."""
    if not sys.stderr.isatty():
        return text
    import shutil
    import textwrap

    width = shutil.get_terminal_size().columns
    return "\n".join(
        textwrap.fill(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )


def print_hanging(console: Console, markup: str, indent: int) -> None:
    """Print a line of rich's *markup*; on a terminal what is too long for it goes on *indent* columns further in."""
    if not console.is_terminal:
        console.print(markup)
        return
    from rich.text import Text

    text = Text.from_markup(markup)
    first, *others = text.wrap(console, console.width)
    console.print(first)
    if others:
        rest = text[len(first) :]
        rest = rest[len(rest) - len(rest.plain.lstrip()) :]
        for part in rest.wrap(console, console.width - indent):
            console.print(Text(" " * indent) + part)
