"""Findings for a person: what is wrong, where, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lamina.cli.visible import visible
from lamina.workshop.checks.findings import Finding, Severity

_COLOURS: Final = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_PATHS_SHOWN: Final = 5


def show(findings: Sequence[Finding], looked_at: Sequence[str], targets: Sequence[str], console: Console) -> None:
    """Print *findings*; *looked_at* says what was checked, *targets* for what."""
    for line in [*looked_at, *targets]:
        console.print(escape(visible(line)), style="dim")
    if findings:
        console.print()
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for finding in findings:
            colour = _COLOURS[finding.severity]
            words = _words(finding, named=len(looked_at) != 1)
            table.add_row(f"[{colour}]{finding.severity.value}[/]", f"[bold]{finding.id}[/]", words)
        with console.capture() as captured:
            console.print(table)
        # A table's lines are all of one length; a file or a mail need not have the blanks.
        console.out("\n".join(line.rstrip() for line in captured.get().splitlines()), highlight=False)
    console.print(_verdict(findings))


def _words(finding: Finding, *, named: bool) -> str:
    fault = finding.fault
    where = f"[bold]{escape(visible(fault.where))}[/]: " if fault.where and named else ""
    lines = [f"{where}{escape(visible(fault.says))}"]
    if len(fault.paths) > 1:
        lines += [f"  [dim]{escape(visible(path))}[/]" for path in fault.paths[:_PATHS_SHOWN]]
        if len(fault.paths) > _PATHS_SHOWN:
            lines.append(f"  [dim]and {len(fault.paths) - _PATHS_SHOWN} more[/]")
    return "\n".join([*lines, f"[green]{escape(visible(fault.mend))}[/]", ""])


def _verdict(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    if not counts:
        return "[green]ok[/]  nothing is wrong with it"
    told = [
        f"{counts[severity]} {severity.value}{'s' if counts[severity] > 1 else ''}"
        for severity in Severity
        if counts[severity]
    ]
    return f"[bold]{', '.join(told)}[/]; more on each: lamina check --explain {findings[0].id}"
