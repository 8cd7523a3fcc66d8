"""How an install is told: a bar on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column

from lamina.cli.steps import duration, size
from lamina.installing.installer import Step
from lamina.installing.planning import InstallPlan


class InstallProgress:
    """Tells of one install after another; the installer's `Progress`."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._began = 0.0

    def say(self, line: str) -> None:
        self._console.print(escape(line))

    def wait(self) -> None:
        """Another install is under way, and has to end first."""
        self.say("Another install or removal is under way in this state folder; waiting for it.")

    @contextmanager
    def installing(self, plan: InstallPlan) -> Iterator[None]:
        """Show progress within."""
        self._began = time.monotonic()
        self.say(
            f"Installing {plan.runtime}: {size(plan.download_bytes)} to fetch, {size(plan.installed_bytes)} on the disk"
        )
        if not self._console.is_terminal:
            yield
            return
        # What is being done takes the room that is left, so that the figures are whole in a narrow window.
        figure, rest = Column(no_wrap=True), Column(no_wrap=True, overflow="ellipsis", ratio=1)
        columns = (
            TextColumn("  {task.description}", table_column=figure),
            BarColumn(bar_width=16, table_column=figure),
            DownloadColumn(table_column=figure),
            TimeRemainingColumn(table_column=figure),
            TextColumn("[dim]{task.fields[about]}[/]", table_column=rest),
        )
        with Progress(*columns, console=self._console, transient=True, expand=True) as self._bar:
            self._task = None
            yield
        self._bar = None

    def begin(self, step: Step, total: int) -> None:
        if self._bar is None:
            self.say(f"  {step.value} …")
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(f"{step.value:<16}", total=total or None, about="")

    def advance(self, done: int, about: str) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, about=escape(about))

    def done(self, line: str, size_bytes: int) -> None:
        """The last line of an install that ended well."""
        took = duration(time.monotonic() - self._began)
        self._console.print(f"[green]ok[/] {escape(line)} ({size(size_bytes)} in {took})")
