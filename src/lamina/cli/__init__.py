"""The `lamina` command: one module per sub-command, and none of their decisions.

Nothing heavy is imported until a command runs, so that help and completion answer at once.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line and exit: 0, or the code of what went wrong (docs/COMMANDS.md lists them)."""
    # Before anything that takes time: the two answers that need none.
    if sys.argv[1:] == ["--version"]:
        from lamina import __version__

        print(f"lamina {__version__}")
        return
    if sys.argv[1:2] == ["up"]:
        from lamina.thread_caches import leave_off

        leave_off()
    from lamina.cli.failures import Failure
    from lamina.settings import BadSetting
    from lamina.workshop.errors import WorkshopError

    try:
        _run(sys.argv[1:])
    except (Failure, BadSetting, WorkshopError) as error:
        _explain(error)
        sys.exit(Failure.USAGE if isinstance(error, BadSetting) else error.code)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # Whoever read us has gone (`lamina doctor | head`): nothing to say, and nowhere to say it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


def _run(arguments: list[str]) -> None:
    from lamina.cli import plain, serving

    plain_up = plain.up(arguments)
    if plain_up is not None:
        serving.up(*plain_up)
        return
    # Typer's way to show tracebacks is for a program's author; ours are for whoever reports a bug, plain.
    os.environ.setdefault("TYPER_STANDARD_TRACEBACK", "1")
    from lamina.cli.commands import app

    app(prog_name="lamina")


def _explain(error: Exception) -> None:
    from lamina.cli.folding import folded

    red, bold, plain = ("\033[31m", "\033[1m", "\033[0m") if _coloured() else ("", "", "")
    # Coloured once it is folded: a colour takes no room.
    print(folded(f"Error: {error}").replace("Error:", f"{red}Error:{plain}", 1), file=sys.stderr)
    hint = getattr(error, "hint", None)
    if hint:
        print(folded(f"Hint: {hint}").replace("Hint:", f"{bold}Hint:{plain}", 1), file=sys.stderr)


def _coloured() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")
