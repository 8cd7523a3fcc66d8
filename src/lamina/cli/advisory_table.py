"""Known vulnerabilities for a person: of what, how bad, and in which version no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lamina.cli.folding import print_hanging
from lamina.cli.tables import print_table
from lamina.cli.visible import visible
from lamina.workshop.auditing.advisories import Advisory, Audited
from lamina.workshop.inventory.components import Component

_COLOURS: Final = {"critical": "red", "high": "red", "moderate": "yellow", "medium": "yellow"}
_ALIASES_SHOWN: Final = 3


def show(results: Sequence[tuple[str, Audited]], unused: Sequence[str]) -> None:
    """Print *results*, each with the name of the layer that it is of, and the names that were ignored in vain."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    places = len({name for name, _ in results})
    for name, audited in results:
        for advisory in audited.advisories:
            severity = visible(advisory.severity)
            colour = _COLOURS.get(advisory.severity, "cyan")
            where = f" in {escape(visible(name))}" if places > 1 else ""
            table.add_row(f"[{colour}]{escape(severity or 'unrated')}[/]", _words(audited.component, advisory, where))
    if table.row_count:
        print_table(console, table)
    for reason, components in _unaudited(results).items():
        names = ", ".join(dict.fromkeys(map(_called, components)))
        print_hanging(console, f"[yellow]not looked up:[/] {escape(visible(names))}: {escape(visible(reason))}", 2)
    if unused:
        print_hanging(console, f"[yellow]ignored in vain:[/] {escape(visible(', '.join(unused)))}", 2)
    print_hanging(console, _verdict(results), 2)


def _words(component: Component, advisory: Advisory, where: str) -> str:
    aliases = advisory.aliases[:_ALIASES_SHOWN]
    known_by = escape(visible(", ".join((advisory.id, *aliases))))
    fixed = (
        f"[green]not in {escape(visible(', '.join(advisory.fixed_in)))}[/]"
        if advisory.fixed_in
        else "no version without it is known"
    )
    lines = [
        f"[bold]{escape(visible(_called(component)))}[/]{where}: {escape(visible(advisory.summary)) or 'no summary'}"
    ]
    return "\n".join([*lines, f"[dim]{known_by}[/]", fixed, ""])


def _called(component: Component) -> str:
    name = f"{component.group}/{component.name}" if component.group else component.name
    return f"{name} {component.version}".rstrip()


def _unaudited(results: Sequence[tuple[str, Audited]]) -> dict[str, list[Component]]:
    found: defaultdict[str, list[Component]] = defaultdict(list)
    for _, audited in results:
        if audited.by is None:
            found[audited.reason].append(audited.component)
    return found


def _verdict(results: Sequence[tuple[str, Audited]]) -> str:
    advisories = sum(len(audited.advisories) for _, audited in results)
    looked_up = sum(audited.by is not None for _, audited in results)
    if not results:
        return "no package has left a record of itself"
    if not looked_up:
        return f"[bold]none of {_counted(len(results), 'package')} could be looked up[/]"
    asked = sorted({audited.by for _, audited in results if audited.by is not None})
    of = f"{looked_up} of {_counted(len(results), 'package')} looked up by {' and '.join(asked)}"
    if advisories:
        concerned = sum(bool(audited.advisories) for _, audited in results)
        known = _counted(advisories, "known vulnerabilit", "y", "ies")
        return f"[bold]{known} of {_counted(concerned, 'package')}[/]; {of}"
    if looked_up < len(results):
        return f"[bold]nothing is known of those looked up[/]; {of}"
    return f"[green]ok[/]  no vulnerability is known; {of}"


def _counted(count: int, noun: str, one: str = "", several: str = "s") -> str:
    return f"{count} {noun}{one if count == 1 else several}"
