"""`lamina backup` and `lamina restore`: a copy of what a server keeps, and the way back."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from lamina.backup import Copied

_STATE = "Folder that everything is kept in.  [default: /var/lib/lamina for root, else ~/.local/state/lamina]"
_INTO = "Folder to copy to: a new one, or that of an earlier backup, of which only what is new is copied."
_JSON = "Print what was copied as JSON."


def backup(
    into: Annotated[Path, typer.Argument(metavar="INTO", help=_INTO)],
    state: Annotated[str | None, typer.Option(metavar="DIR", help=_STATE)] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Copy layers, functions, logs and what else a server keeps; it may be running.

    All that was acknowledged before the backup began is in it. What can be made again (extracted archives, byte-code,
    installed runtimes) is not. A backup is a state folder itself: `lamina fsck --state INTO` checks it.

    \b
    Examples:
      lamina backup /mnt/backups/lamina
      lamina backup /mnt/backups/lamina --state /srv/lamina --json
    """
    from lamina import backup

    _carry_out("copying", lambda read: backup.backup(_folder(state), into, read), into, as_json)


def restore(
    backup_: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `lamina backup` has written.")],
    state: Annotated[str | None, typer.Option(metavar="DIR", help=f"{_STATE} There must be none yet.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Copy a backup to where a server keeps its state, checking every archive. No state may be there yet.

    \b
    Examples:
      lamina restore /mnt/backups/lamina
      lamina restore /mnt/backups/lamina --state /srv/lamina && lamina up --state /srv/lamina
    """
    from lamina import backup

    folder = _folder(state)
    _carry_out("copying", lambda read: backup.restore(backup_, folder, read), folder, as_json)


def _folder(state: str | None) -> Path:
    from lamina.settings import Settings

    return Settings.read(os.environ, {"state_dir": state}, root=os.geteuid() == 0).state_dir


def _carry_out(saying: str, copy: Callable[[Callable[[int], object]], Copied], into: Path, as_json: bool) -> None:
    from lamina.backup import Damaged, NoState, NotEmpty
    from lamina.cli.amounts import counting
    from lamina.cli.steps import size
    from lamina.state_folder import StateInUse

    try:
        with counting(saying) as read:
            copied = copy(read)
    except StateInUse as error:
        raise Failure(f"a server uses {into}", "Name a folder that none does.", Failure.STATE_IN_USE) from error
    except NotEmpty as error:
        raise Failure(str(error), "Name an empty folder, or one that is not there yet.") from error
    except (NoState, Damaged, OSError) as error:
        raise Failure(str(error)) from error
    if as_json:
        print(json.dumps({"folder": str(into), **asdict(copied)}))
    else:
        print(
            f"{into}: {copied.archives} archives, {size(copied.bytes)}; "
            f"of these new: {copied.new_archives}, {size(copied.new_bytes)}"
        )
