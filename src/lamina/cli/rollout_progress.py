"""How a roll-out is told while it is carried out: bars on a terminal, a line for each stage and trouble elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from lamina.rollouts.deciding import reached
from lamina.rollouts.journal import Noted, PutBack, Record, Troubled, Turned
from lamina.rollouts.progress import Progress as Rollout
from lamina.rollouts.steps import Apply, Bake, Over, Restore, Shift, Stage, Work, Write

# Counting who has arrived looks at all: often enough for the eye, and for whoever reads a log.
_BAR_EVERY_S: Final = 0.1
_LINE_EVERY_S: Final = 10.0


class RolloutProgress:
    """Tells of one roll-out on standard error; the carrier's `Watcher`."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._quiet = quiet
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._work: Work | None = None
        self._said = ""
        self._counted_at = 0.0

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show progress within."""
        if self._quiet or not self._console.is_terminal:
            yield
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as self._bar:
            yield
        self._bar = None

    def stage(self, stage: Stage, progress: Rollout) -> None:
        if isinstance(stage, (Write, Over)):
            return
        saying = _saying(stage, progress)
        with self._lock:
            if saying == self._said:
                return
            self._said = saying
            self._work = stage if isinstance(stage, Work) else None
            self._counted_at = time.monotonic()
            if self._bar is None:
                self._print(f"{escape(saying)} …")
                return
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(escape(saying), total=len(stage.functions))

    def record(self, record: Record, progress: Rollout) -> None:
        with self._lock:
            match record:
                case Troubled():
                    name = progress.targets[record.function].name
                    self._print(f"[red]{record.trouble.value}[/] {escape(name)}: {escape(record.why)}")
                case Noted():
                    self._print(
                        f"[yellow]note[/] {escape(progress.targets[record.function].name)}: {escape(record.note)}"
                    )
                case PutBack(left=left) if left:
                    name = progress.targets[record.function].name
                    self._print(f"[yellow]not put back[/] of {escape(name)}: {escape('; '.join(left))}")
                case Turned():
                    where = "everything" if record.wave is None else f"wave {record.wave + 1}"
                    self._print(f"[red]{where} goes back:[/] {escape(record.why)}")
                case _:
                    pass
            self._count(progress)

    def _count(self, progress: Rollout) -> None:
        work, now = self._work, time.monotonic()
        if work is None or now - self._counted_at < (_LINE_EVERY_S if self._bar is None else _BAR_EVERY_S):
            return
        self._counted_at = now
        there = sum(
            reached(progress.plan, progress.targets[function], progress.life(function), work.goal)
            for function in work.functions
        )
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=there)
        else:
            self._print(f"  {there} of {len(work.functions)}")

    def _print(self, line: str) -> None:
        if not self._quiet:
            self._console.print(line)


def _saying(stage: Work | Bake, progress: Rollout) -> str:
    plan = progress.plan
    wave = f"wave {stage.wave + 1} of {len(plan.waves)}"
    count = f"{len(stage.functions)} function{'' if len(stage.functions) == 1 else 's'}"
    if isinstance(stage, Bake):
        return f"{wave}: watching {count} for {plan.options.bake_s} s"
    match stage.goal:
        case Apply():
            return f"{wave}: {count}"
        case Shift(step=step):
            return f"{wave}: {plan.options.alias} sends {plan.options.shares[step]:.0%} to the new version of {count}"
        case Restore():
            return f"putting back {count}"
