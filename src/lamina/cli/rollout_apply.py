"""`lamina rollout apply`, `resume` and `rollback`: carrying a plan out, going on, going back."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.failures import Failure

if TYPE_CHECKING:
    from lamina.workshop.rollouts.carrying import Carrier

Id = Annotated[str, typer.Argument(metavar="ID", help="The roll-out, or the beginning of its id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Do not tell how it goes.")]


def apply(id_: Id, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Carry a plan out.

    Wave by wave, each function only if nobody else changed it since, and looked at as the plan says. What the new
    layers break is put back. Ctrl-C stops between two calls; whatever ends it, lamina rollout resume goes on.

    \b
    Examples:
      lamina rollout apply shared-12
      lamina rollout apply shared-12 --json > outcome.json
    """
    _carry_out("apply", id_, as_json=as_json, quiet=quiet)


def resume(id_: Id, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Go on with a roll-out that was interrupted, or stopped by failures.

    What has been done already is found out by looking. After a stop, what failed is tried once more.

    \b
    Examples:
      lamina rollout resume shared-12
    """
    _carry_out("resume", id_, as_json=as_json, quiet=quiet)


def rollback(id_: Id, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Put back what a roll-out has changed: layers, aliases, versions it published.

    However far it is. What somebody else has changed since is left as it is, and named.

    \b
    Examples:
      lamina rollout rollback shared-12
    """
    _carry_out("rollback", id_, as_json=as_json, quiet=quiet)


def _carry_out(command: str, given: str, *, as_json: bool, quiet: bool) -> None:
    from lamina.cli.rollout_progress import RolloutProgress
    from lamina.cli.rollout_reports import print_report
    from lamina.rollouts.journal import Way
    from lamina.rollouts.progress import Progress
    from lamina.workshop.rollouts.carrying import Carrier
    from lamina.workshop.rollouts.reporting import report, way_on
    from lamina.workshop.rollouts.stored import Rollouts

    rollouts = Rollouts.of_the_user(os.environ)
    id_ = rollouts.identify(given)
    plan = rollouts.plan(id_)
    with rollouts.journal(id_) as journal:
        way = way_on(command, Progress.of(plan, journal.records))
        if way is not None:
            progress = RolloutProgress(quiet=quiet)
            carrier = Carrier(plan, journal, progress, lambda: time.time_ns() // 1_000_000, os.environ)
            with _stopping(carrier, id_), progress.shown():
                carrier.carry_out(command, way)
        came = report(Progress.of(plan, journal.records))
    if as_json:
        print(json.dumps(came.document(), indent=2))
    else:
        print_report(came, plan)
    if not came.is_whole(way or (Way.BACK if command == "rollback" else Way.FORWARD)):
        raise typer.Exit(Failure.PARTLY)


@contextmanager
def _stopping(carrier: Carrier, id_: str) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop *carrier* in order, and end the command with their code.

    A second one ends it at once, which is safe, too: what it was about to do is written down.
    """
    from lamina.workshop.errors import WorkshopError
    from lamina.workshop.rollouts.carrying import Stopped

    told: list[int] = []

    def stop(number: int, _frame: object) -> None:
        told.append(number)
        signal.signal(number, signal.SIG_DFL)
        carrier.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Stopped as error:
        raise Failure(str(error), error.hint, 128 + told[0] if told else Failure.FAILED) from error
    except WorkshopError as error:
        hint = f"{error.hint or ''} `lamina rollout resume {id_}` goes on from here.".strip()
        raise Failure(f"{id_} was interrupted: {error}", hint, error.code) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
