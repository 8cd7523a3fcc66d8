"""Steps told as they happen: what, how long, how large. In colour on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


class Steps:
    """A running account. On a terminal the step under way is shown too, with a spinner."""

    def __init__(self, console: Console | None = None) -> None:
        # Not at the top: others want the figures below alone, and as `lamina --help` starts.
        from rich.console import Console
        from rich.markup import escape

        self._console = console or Console(highlight=False, soft_wrap=True)
        self._escape = escape
        self._began = time.monotonic()

    @contextmanager
    def step(self, saying: str) -> Iterator[Callable[..., None]]:
        """Tell the step *saying* when it has ended well; its result is what the caller hands to the yielded function.

        A step that raises is told as failed, and the exception goes on.
        """
        result: list[str] = []

        def done(found: str, size_bytes: int | None = None) -> None:
            result[:] = [part for part in (found, None if size_bytes is None else size(size_bytes)) if part]

        began = time.monotonic()
        try:
            if self._console.is_terminal:
                with self._console.status(f"{self._escape(saying)} …"):
                    yield done
            else:
                yield done
        except BaseException:
            self._tell("[red]failed[/]", began, saying, [])
            raise
        self._tell("[green]ok[/]", began, saying, result)

    def close(self, saying: str) -> None:
        """The last line, with the time of the whole."""
        self._console.print(f"[bold]Done in {duration(time.monotonic() - self._began)}.[/] {self._escape(saying)}")

    def _tell(self, mark: str, began: float, saying: str, result: list[str]) -> None:
        took = duration(time.monotonic() - began)
        self._console.print(f"{mark} [dim]{took:>8}[/]  {self._escape(saying)}")
        if result:
            self._console.print(f"             [cyan]{self._escape(', '.join(result))}[/]")


def duration(seconds: float) -> str:
    """To three figures, for a person: "4.2 ms", "314 ms", "1.31 s"."""
    if seconds < 0.01:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def size(size_bytes: int) -> str:
    """In the unit that suits it, decimal as AWS's console shows it: "812 bytes", "41.3 kB", "1.2 MB"."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    return f"{size_bytes / 1e3:.1f} kB" if size_bytes < 1_000_000 else f"{size_bytes / 1e6:.1f} MB"
