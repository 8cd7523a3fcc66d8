"""A server for one command, whose functions' logs go to standard error as they come."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from rich.console import Console

    from lamina.settings import Settings
    from lamina.throw_away import ThrowAway

# How the platform's own lines begin.
_PLATFORM: Final = ("START RequestId", "END RequestId", "REPORT RequestId", "INIT_START ", "INIT_REPORT ")


@contextlib.contextmanager
def told_server(settings: Settings, *, patient: bool = False) -> Iterator[tuple[ThrowAway, Console]]:
    """A server for the time of the `with`, and the console for what else there is to say."""
    from rich.console import Console

    from lamina.throw_away import throw_away

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    dim, plain = ("\033[2m", "\033[0m") if sys.stderr.isatty() and not os.environ.get("NO_COLOR") else ("", "")

    def hear(text: str) -> None:
        line = text if text.endswith("\n") else f"{text}\n"
        # Nobody may be reading any more.
        with contextlib.suppress(BrokenPipeError):
            sys.stderr.write(f"{dim}{line.rstrip()}{plain}\n" if line.startswith(_PLATFORM) else line)
            sys.stderr.flush()

    # What ends the command must let the server clear up first.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit)
    with throw_away(settings, hear=hear, patient=patient) as server:
        yield server, console


@contextlib.contextmanager
def waiting(console: Console, saying: str) -> Iterator[None]:
    """Shows, on a terminal, what is being waited for."""
    if console.is_terminal:
        with console.status(f"{saying} …"):
            yield
    else:
        yield


def tell(console: Console, text: str) -> None:
    """A line of the command's own among those of the log."""
    console.print(text, style="bold", markup=False)


def _exit(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)
