"""`lamina rollout forget`: plans and journals that nobody needs any more."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from lamina.cli.failures import Failure

_IDS = "Roll-outs, or the beginnings of their ids."
_UNFINISHED = "Also those that were interrupted: nothing can go on with them, or take them back, afterwards."


def forget(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help=_IDS)],
    unfinished: Annotated[bool, typer.Option("--unfinished", help=_UNFINISHED)] = False,
) -> None:
    """Delete roll-outs from this machine's history, with their plans and journals.

    Functions stay as they are; but a roll-out that is forgotten can no longer be taken back. One that is being carried
    out is left.

    \b
    Examples:
      lamina rollout forget shared-12
    """
    from lamina.workshop.rollouts.stored import NotStored, Rollouts

    rollouts = Rollouts.of_the_user(os.environ)
    # All of them are looked at before any goes.
    found = list(dict.fromkeys(rollouts.identify(text) for text in ids))
    for id_ in found:
        try:
            interrupted = rollouts.is_interrupted(id_)
        except NotStored:
            # Nothing could go on with what cannot be read.
            continue
        if interrupted and not unfinished:
            hint = f"`lamina rollout resume {id_}` goes on, `rollback {id_}` goes back; --unfinished forgets it."
            raise Failure(f"{id_} was interrupted, and some functions may have been changed", hint)
    for id_ in found:
        rollouts.forget(id_)
        print(f"{id_} is forgotten")
