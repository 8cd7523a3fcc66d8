"""`lamina top`: what a running server does, function by function, as it does it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lamina.cli.doors import server_door
from lamina.cli.here import State, state_folder

if TYPE_CHECKING:
    from rich.table import Table

    from lamina.observability.top import Look, Row, View

_ONCE: Final = "Show what one interval brings, and end."
_INTERVAL: Final = "Seconds between two looks, from 0.1 to 3600."
_JSON: Final = "Print each look as a line of JSON."
_FIGURES: Final = ("CALLS/S", "P50 MS", "P99 MS", "CALLS", "ERRORS", "COLD", "THROTTLED", "BUSY", "IDLE", "MEMORY")
_BAD: Final = ("ERRORS", "THROTTLED")
# Less of a name tells nothing.
_NAME_COLUMNS_MIN: Final = 8

_Interval = Annotated[float, typer.Option("--interval", "-n", metavar="SECONDS", min=0.1, max=3600, help=_INTERVAL)]


def top(
    once: Annotated[bool, typer.Option("--once", help=_ONCE)] = False,
    interval: _Interval = 2.0,
    json_lines: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
    state: State = None,
) -> None:
    """Show what a running `lamina up` does, function by function.

    Calls a second and how long they took are of the last interval, counts are since the server began. Ends with Ctrl-C;
    in a pipe, each look is a table below the one before.

    \b
    Examples:
      lamina top
      lamina top --once --interval 5
      lamina top --json | jq '.functions[] | select(.errors > 0)'
    """
    views = _views(state_folder(state), interval)
    try:
        if once:
            _print(next(views), json_lines)
        elif json_lines or not sys.stdout.isatty():
            for view in views:
                _print(view, json_lines)
        else:
            _live(views)
    except KeyboardInterrupt:
        # That is how it is ended.
        return


def _views(folder: Path, interval: float) -> Iterator[View]:
    from lamina.observability.top import view

    before = _look(folder)
    while True:
        time.sleep(interval)
        now = _look(folder)
        yield view(before, now)
        before = now


def _look(folder: Path) -> Look:
    with server_door(folder, "top") as door:
        return door.ask({"figures": True})


def _print(view: View, json_lines: bool) -> None:
    if json_lines:
        print(json.dumps(view.document()), flush=True)
        return
    from rich.console import Console

    from lamina.cli.tables import print_table

    print(_summary(view))
    print_table(Console(no_color=bool(os.environ.get("NO_COLOR"))), _table(view, len(view.functions)))
    print(flush=True)


def _live(views: Iterator[View]) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    with Live(Text("…"), screen=True, auto_refresh=False) as live:
        for view in views:
            # Two lines above the table, and two of its own; one at the end for who has been left out.
            fitting = max(live.console.height - 5, 1)
            left_out = len(view.functions) - fitting
            more = Text(f"and {left_out} more" if left_out > 0 else "", style="dim")
            table = _table(view, fitting, live.console.width)
            live.update(Group(_summary(view), "", table, more), refresh=True)


def _summary(view: View) -> str:
    environments = view.environments
    states = ", ".join(f"{count} {state}" for state, count in environments.items() if count) or "none"
    return (
        f"{view.rate:g} calls/s; environments: {states}, of {view.environments_max} at most; "
        f"memory of environments: {_size(view.memory_bytes)}"
    )


def _table(view: View, rows_max: int, columns_max: int | None = None) -> Table:
    """The table of *view*'s first functions, a line each; names give way where it may have *columns_max* only."""
    from rich.markup import escape
    from rich.table import Table

    many = len({(row.account, row.region) for row in view.functions}) > 1
    shown = view.functions[:rows_max]
    names = [f"{row.account}/{row.region}/{row.function}" if many else row.function for row in shown]
    figures = [_figures(row) for row in shown]
    if columns_max is not None:
        widths = (max(map(len, (name, *told))) for name, *told in zip(_FIGURES, *figures, strict=True))
        room = max(columns_max - sum(width + 1 for width in widths), _NAME_COLUMNS_MIN)
        names = [_shortened(name, room) for name in names]
    table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("FUNCTION", no_wrap=True)
    for name in _FIGURES:
        table.add_column(name, justify="right", no_wrap=True)
    for name, told in zip(names, figures, strict=True):
        marked = (
            f"[red]{one}[/]" if of in _BAD and one != "0" else one for of, one in zip(_FIGURES, told, strict=True)
        )
        table.add_row(escape(name), *marked)
    return table


def _shortened(name: str, columns: int) -> str:
    """*name* without its middle where it is longer than *columns*: names differ at their ends."""
    if len(name) <= columns:
        return name
    return f"{name[: columns // 2]}…{name[len(name) - (columns - 1) // 2 :]}"


def _figures(row: Row) -> tuple[str, ...]:
    """Those of `_FIGURES`, as they are shown."""
    counts = (row.calls, row.errors, row.cold, row.throttles, row.busy, row.idle)
    return (f"{row.rate:g}", _ms(row.p50_ms), _ms(row.p99_ms), *map(str, counts), _size(row.memory_bytes))


def _ms(ms: float | None) -> str:
    if ms is None:
        return "-"
    return f"{ms:.2f}" if ms < 10 else f"{ms:.0f}"


def _size(size_bytes: int | None) -> str:
    from lamina.cli.steps import size

    return "-" if size_bytes is None else size(size_bytes)
