"""Tables for a person, or for a file: without blanks at the ends of lines, and nothing in them cut off."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# A pipe has no width; this is more than any line of ours.
_PIPE_COLUMNS = 10_000


def print_table(console: Console, table: Table) -> None:
    """Print *table* on *console*, which has no width from then on if it is no terminal.

    On a terminal that is too narrow, what does not fit goes on below.
    """
    if not console.is_terminal:
        console.width = _PIPE_COLUMNS
    elif console.measure(table, options=console.options.update(width=_PIPE_COLUMNS)).minimum > console.width:
        for column in table.columns:
            column.no_wrap, column.overflow = False, "fold"
    with console.capture() as captured:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
