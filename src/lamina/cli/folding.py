"""Lines for a person at a terminal, broken between words; whoever reads from a pipe gets them whole."""

from __future__ import annotations

import sys


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
