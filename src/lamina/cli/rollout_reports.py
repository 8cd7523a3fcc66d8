"""`lamina rollout status` and `history`: what came of roll-outs, also while they are carried out."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.folding import folded
from lamina.cli.rollout_apply import AsJson

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lamina.rollouts.plans import Plan
    from lamina.workshop.rollouts.reporting import Report

_ID = "The roll-out, or the beginning of its id.  [default: the last one]"
# Of these there is nothing to tell but how many.
_PLAIN = ("not begun", "under way", "done", "put back")


def status(
    id_: Annotated[str | None, typer.Argument(metavar="ID", help=_ID, show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Show how far a roll-out is, and what became of each function that there is something to tell of.

    \b
    Examples:
      lamina rollout status
      lamina rollout status shared-12 --json
    """
    from lamina.cli.failures import Failure
    from lamina.rollouts.progress import Progress
    from lamina.workshop.rollouts.reporting import report
    from lamina.workshop.rollouts.stored import Rollouts

    rollouts = Rollouts.of_the_user(os.environ)
    if id_ is None:
        found, _ = rollouts.all()
        if not found:
            raise Failure("there is no roll-out yet", "`lamina rollout plan` prepares one.")
        plan = found[0][0]
    else:
        plan = rollouts.plan(rollouts.identify(id_))
    running = rollouts.is_under_way(plan.id)
    came = report(Progress.of(plan, rollouts.records(plan.id)))
    if as_json:
        print(json.dumps({**came.document(), "running": running}, indent=2))
        return
    print_report(came, plan, running=running)


def history(as_json: AsJson = False) -> None:
    """List the roll-outs that were planned here, the newest first.

    \b
    Examples:
      lamina rollout history
    """
    from lamina.rollouts.progress import Progress
    from lamina.workshop.rollouts.reporting import report
    from lamina.workshop.rollouts.stored import Rollouts

    rollouts = Rollouts.of_the_user(os.environ)
    found, damaged = rollouts.all()
    for error in damaged:
        print(folded(f"Note: {error}"), file=sys.stderr)
    told = [(plan, report(Progress.of(plan, records))) for plan, records in found]
    if as_json:
        documents = [
            {"planned": _moment(plan), "moves": _moves(plan), "functions": len(plan.targets), **came.summary()}
            for plan, came in told
        ]
        print(json.dumps({"rollouts": documents}, indent=2))
        return
    _print_history(
        [(plan.id, _moment(plan), _moves(plan), str(len(plan.targets)), _outcome(came)) for plan, came in told]
    )


def _print_history(rows: Iterable[Iterable[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from lamina.cli.tables import print_table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "planned", "layer", "functions", "outcome"):
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*map(escape, row))
    print_table(Console(highlight=False), table)


def print_report(came: Report, plan: Plan, *, running: bool = False) -> None:
    """Print *came*, the report of *plan*: the whole in a line, and a line for each function with something to tell."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    outcome = f"being carried out, {came.way.value}" if running else _outcome(came)
    outcome += f": {came.why}" if came.why else ""
    console.print(f"[bold]{escape(came.id)}[/] {escape(_moves(plan))}: {escape(outcome)}")
    counts = ", ".join(f"{count} {state.value}" for state, count in came.counts.items())
    console.print(f"  {len(came.targets)} function{'' if len(came.targets) == 1 else 's'}: {counts or 'none'}")
    for target in came.targets:
        if target.remarks or target.state.value not in _PLAIN:
            state = "failed, put back" if target.state.value == "failed" and target.as_before else target.state.value
            console.print(f"  {escape(target.name)} [dim]{state}[/] {escape('; '.join(target.remarks))}")


def _outcome(came: Report) -> str:
    if came.outcome is not None:
        return came.outcome.value
    if all(state.value == "not begun" for state in came.counts):
        return "planned"
    return f"interrupted, {came.way.value}"


def _moves(plan: Plan) -> str:
    moves = [
        f"{move.layer.rpartition(':')[2]} {'+'.join(map(str, move.before)) or '-'} → {move.after}"
        for move in plan.moves
    ]
    # In each region and account it is another layer, of the same name.
    return ", ".join(dict.fromkeys(moves))


def _moment(plan: Plan) -> str:
    return f"{datetime.fromtimestamp(plan.created_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"
