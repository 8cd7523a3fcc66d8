"""`lamina rollout`: functions moved to another version of a layer, by a plan, and back."""

from __future__ import annotations

import typer

from lamina.cli import rollout_apply, rollout_forget, rollout_plan, rollout_reports, rollout_watch

rollout = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
rollout.command("plan")(rollout_plan.plan)
rollout.command("apply")(rollout_apply.apply)
rollout.command("resume")(rollout_apply.resume)
rollout.command("rollback")(rollout_apply.rollback)
rollout.command("status")(rollout_reports.status)
rollout.command("history")(rollout_reports.history)
rollout.command("forget")(rollout_forget.forget)
rollout.command("watch")(rollout_watch.watch)


@rollout.callback()
def about() -> None:
    """Move functions to another version of a layer: by a plan, in waves, looked at, and back if need be."""
