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

    from lamina.observability.top import Look, View

_ONCE: Final = "Show what one interval brings, and end."
_INTERVAL: Final = "Seconds between two looks, from 0.1 to 3600."
_JSON: Final = "Print each look as a line of JSON."

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
            live.update(Group(_summary(view), "", _table(view, fitting), more), refresh=True)


def _summary(view: View) -> str:
    environments = view.environments
    states = ", ".join(f"{count} {state}" for state, count in environments.items() if count) or "none"
    return (
        f"{view.rate:g} calls/s; environments: {states}, of {view.environments_max} at most; "
        f"memory of environments: {_size(view.memory_bytes)}"
    )


def _table(view: View, rows_max: int) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("FUNCTION", no_wrap=True, overflow="ellipsis")
    for name in ("CALLS/S", "P50 MS", "P99 MS", "CALLS", "ERRORS", "COLD", "THROTTLED", "BUSY", "IDLE", "MEMORY"):
        table.add_column(name, justify="right", no_wrap=True)
    many = len({(row.account, row.region) for row in view.functions}) > 1
    for row in view.functions[:rows_max]:
        name = f"{row.account}/{row.region}/{row.function}" if many else row.function
        counts = [f"[red]{count}[/]" if count else "0" for count in (row.errors, row.throttles)]
        table.add_row(
            *(name, f"{row.rate:g}", _ms(row.p50_ms), _ms(row.p99_ms), str(row.calls), counts[0], str(row.cold)),
            *(counts[1], str(row.busy), str(row.idle), _size(row.memory_bytes)),
        )
    return table


def _ms(ms: float | None) -> str:
    if ms is None:
        return "-"
    return f"{ms:.2f}" if ms < 10 else f"{ms:.0f}"


def _size(size_bytes: int | None) -> str:
    from lamina.cli.steps import size

    return "-" if size_bytes is None else size(size_bytes)
