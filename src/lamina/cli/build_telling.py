"""How a build is told: what is under way, and what came of it, package by package."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from lamina.cli.steps import size
from lamina.layers.sizes import UNZIPPED_BYTES_MAX
from lamina.workshop.building.builds import Build, BuiltLayer
from lamina.workshop.building.sizes import PackageSize

_ROWS_MAX: Final = 12
_BAR_CELLS: Final = 28
_NAME_CELLS: Final = 34
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


class BuildProgress:
    """Tells on standard error what is under way: a line that changes on a terminal, a line for each step elsewhere."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._quiet = quiet
        self._status: Status | None = None
        self._saying = ""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show progress within."""
        if not self._console.is_terminal or self._quiet:
            yield
            return
        with self._console.status("…") as self._status:
            yield
        self._status = None

    def step(self, saying: str) -> None:
        self._saying = saying
        if self._status is not None:
            self._status.update(self._in_a_line(saying))
        elif not self._quiet:
            self._console.print(f"{escape(saying)} …")

    def detail(self, saying: str) -> None:
        if self._status is not None:
            self._status.update(self._in_a_line(f"{self._saying.partition(' ')[0]}: {saying}"))

    def _in_a_line(self, text: str) -> str:
        return escape(text[: max(20, self._console.width - 4)])


def show(layer: BuiltLayer, file: Path, *, cached: bool) -> None:
    """Print what *layer*, now in *file*, holds, and how large it is."""
    console = Console(highlight=False, soft_wrap=True)
    again = " [dim](as built before)[/]" if cached else ""
    console.print(f"[bold]{escape(layer.name)}[/]{again}")
    for line in _chart(layer.sizes, bars=console.is_terminal):
        console.print(f"  {line}")
    share = f"{layer.unzipped_bytes / UNZIPPED_BYTES_MAX:.0%} of the limit"
    zipped, unzipped = size(layer.zipped_bytes), size(layer.unzipped_bytes)
    console.print(f"[green]ok[/] {escape(os.path.relpath(file))}: {zipped} zipped, {unzipped} unzipped ({share})")


def note(saying: str) -> None:
    """Print on standard error a sentence that is no failure."""
    console = Console(stderr=True, highlight=False)
    # Lines end between words on a terminal; in a file, a sentence is a line.
    console.print(f"[yellow]Note:[/] {escape(saying)}", soft_wrap=not console.is_terminal)


def as_json(build: Build, layer: BuiltLayer, file: Path) -> dict[str, Any]:
    """*layer* of *build*, for a program."""
    return {
        "name": layer.name,
        "file": str(file),
        "code_sha256": layer.digest.base64,
        "zipped_bytes": layer.zipped_bytes,
        "unzipped_bytes": layer.unzipped_bytes,
        "cached": build.cached,
        "packages": [
            {
                "name": one.package.name,
                "version": one.package.version,
                "files": one.files,
                "zipped_bytes": one.zipped_bytes,
                "unzipped_bytes": one.unzipped_bytes,
            }
            for one in layer.sizes
        ],
    }


def _chart(sizes: Sequence[PackageSize], *, bars: bool) -> Iterator[str]:
    shown, rest = sizes[:_ROWS_MAX], sizes[_ROWS_MAX:]
    rows = [(str(one.package), one.unzipped_bytes) for one in shown]
    if rest:
        rows.append((f"{len(rest)} more", sum(one.unzipped_bytes for one in rest)))
    width = min(_NAME_CELLS, max(cell_len(name) for name, _ in rows))
    largest = max(1, *(found for _, found in rows))
    for name, found in rows:
        short = name if len(name) <= width else f"{name[: width - 1]}…"
        bar = f"[cyan]{_bar(found / largest)}[/]  " if bars else ""
        yield f"{escape(short):<{width}}  {bar}{size(found):>10}"


def _bar(share: float) -> str:
    eighths = round(share * _BAR_CELLS * 8)
    bar = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
    return f"{bar or _EIGHTHS[1]:<{_BAR_CELLS}}"
