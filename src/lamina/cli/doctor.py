"""`lamina doctor`: what this machine offers, what it lacks, what that means and how to get it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import typer

from lamina.cli.failures import Failure
from lamina.cli.folding import print_hanging

State = Literal["ok", "substitute", "missing", "optional"]
_MARKS: dict[State, str] = {
    "ok": "[green]ok[/]",
    "substitute": "[yellow]substitute[/]",
    "missing": "[red]missing[/]",
    "optional": "[dim]not here[/]",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing looked at. `means` and `mend` are empty for what is as it should be; "optional" is no fault."""

    about: str
    name: str
    state: State
    says: str
    means: str = ""
    mend: str = ""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the same as JSON, for a program to read.")] = False,
) -> None:
    """Tell what this machine offers and lacks.

    For each thing that is missing: what that means, and how to get it.

    Exits with 0 when functions can run here, fully isolated or with the substitutes named; with 5 when they cannot.

    \b
    Examples:
      lamina doctor
      lamina doctor --json | python3 -m json.tool
    """
    lines = [*_isolation(), *_runtimes(), *_tools()]
    if as_json:
        print(json.dumps({"machine": _machine(), "findings": [asdict(line) for line in lines]}, indent=2))
    else:
        _print(lines)
    if any(line.state == "missing" for line in lines):
        raise typer.Exit(Failure.NOT_POSSIBLE_HERE)


def _machine() -> dict[str, str]:
    return {
        "system": f"{platform.system()} {platform.release()} on {platform.machine()}",
        "user": "root" if os.geteuid() == 0 else f"uid {os.geteuid()}",
        "lamina_python": platform.python_version(),
    }


def _isolation() -> list[Line]:
    from lamina.sandbox import probe

    return [
        Line("isolation", finding.name, finding.state, finding.says, finding.means, finding.mend)
        for finding in probe.examine()
    ]


def _runtimes() -> list[Line]:
    from lamina.worker import interpreters

    found = interpreters.find()
    lines = [
        Line("runtimes", runtime, "ok", f"CPython {layout.release}, {layout.executable}")
        for runtime, layout in found.items()
    ]
    if not found:
        return [
            Line(
                "runtimes",
                "python3.N",
                "missing",
                "no CPython 3.8 or later was found",
                "A function can be created, but not invoked.",
                "Install one: `apt-get install python3`, or `uv python install 3.13`.",
            )
        ]
    return lines


def _tools() -> list[Line]:
    wanted = {
        "aws": ("The tour in README uses it; any SDK does as well.", "pip install awscli"),
        "uv": ("Further Python runtimes come by it: `uv python install 3.14`.", "pip install uv"),
    }
    lines = [
        Line("tools", "runtimes", "ok", "`lamina runtimes` lists those beside Python, and installs Node.js and Java")
    ]
    for name, (means, mend) in wanted.items():
        # uv comes with Lamina, and is on PATH where its environment is active.
        path = shutil.which(name) or shutil.which(name, path=os.path.dirname(sys.executable))
        lines.append(
            Line("tools", name, "ok", path) if path else Line("tools", name, "optional", "not on PATH", means, mend)
        )
    return lines


def _print(lines: Sequence[Line]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    machine = _machine()
    console.print(f"[bold]{machine['system']}[/], as {machine['user']}")
    about = ""
    for line in lines:
        if line.about != about:
            about = line.about
            console.print(f"\n[bold]{about}[/]")
        print_hanging(console, f"  {_MARKS[line.state]}  {escape(line.name)}: {escape(line.says)}", 6)
        for further in filter(None, (line.means, line.mend)):
            print_hanging(console, f"      {escape(further)}", 6)
    console.print(f"\n{verdict(lines)}")


def verdict(lines: Sequence[Line]) -> str:
    """What the lines come to, in a sentence."""
    if any(line.state == "missing" for line in lines):
        return "[red]Functions cannot run here[/] until what is missing is there."
    if any(line.state == "substitute" for line in lines):
        return "[yellow]Functions run here[/], with the substitutes named above."
    return "[green]Functions run here, fully isolated.[/]"
