"""`lamina runtimes`: which runtimes are ready here, which could be, and how."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lamina.cli import runtimes_install
from lamina.cli.folding import print_hanging
from lamina.cli.here import State, architecture, known_runtimes, state_folder

if TYPE_CHECKING:
    from lamina.installing.survey import Row

runtimes = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
runtimes.command("install")(runtimes_install.install)
runtimes.command("remove")(runtimes_install.remove)

_MARKS: Final = {
    "ready": "[green]ready[/]",
    "installable": "[yellow]installable[/]",
    "missing": "[yellow]missing[/]",
    "refused": "",
}


@runtimes.callback()
def show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print the same as JSON, for a program to read.")] = False,
    state: State = None,
) -> None:
    """List the runtimes: what is ready, how to get the rest.

    A runtime is ready here, can be installed by this command, is got in another way, or is not to be had, and why.

    \b
    Examples:
      lamina runtimes
      lamina runtimes --json
      lamina runtimes install nodejs22.x java21
      lamina runtimes remove java21
    """
    if context.invoked_subcommand is not None:
        # So that `lamina runtimes --state DIR install X` means what it says.
        context.obj = state
        return
    rows = _survey(state_folder(state))
    if as_json:
        print(json.dumps({"architecture": architecture(), "runtimes": [asdict(row) for row in rows]}, indent=2))
    else:
        _print(rows)


def _survey(state: Path) -> list[Row]:
    from lamina.functions.runtimes import Language
    from lamina.installing import lock, survey
    from lamina.installing.home import Home
    from lamina.worker import runtimes as machine

    here = machine.find(state, os.environ)
    kits = {runtime: survey.Found(kit.release, kit.found) for runtime, kit in here.kits.items()}
    runtimes = known_runtimes()
    families = list(dict.fromkeys(Language.of(runtime).family for runtime in runtimes))
    return survey.survey(
        sorted(runtimes, key=lambda runtime: families.index(Language.of(runtime).family)),
        kits.get,
        lock.read_lock().recipes,
        Home(state).manifests(),
        lambda runtime: machine.obstacle(runtime) or machine.remedy(runtime),
        lambda runtime: machine.obstacle(runtime) is not None,
    )


def _print(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    width = max(len(row.runtime) for row in rows if row.state != "refused")
    counted: Mapping[str, int] = {state: sum(row.state == state for row in rows) for state in _MARKS}
    for row in rows:
        if row.state == "refused":
            continue
        # Padded by what is seen: the marks have invisible parts.
        padding = " " * (11 - len(row.state))
        mine = ", installed here" if row.installed and row.state == "ready" else ""
        release = f"{row.release}, " if row.release else ""
        line = f"{row.runtime:<{width}}  {_MARKS[row.state]}{padding}  {escape(release + row.says + mine)}"
        print_hanging(console, line, width + 15)
    console.print("\n[bold]not to be had here[/]")
    for why in dict.fromkeys(row.says for row in rows if row.state == "refused"):
        named = ", ".join(row.runtime for row in rows if row.says == why)
        print_hanging(console, f"{named}: {escape(why)}", 2)
    console.print()
    print_hanging(
        console,
        f"{counted['ready']} ready, {counted['installable']} to be installed by `lamina runtimes install`, "
        f"{counted['missing']} to be got otherwise, {counted['refused']} not to be had here.",
        0,
    )
