"""How a roll-out is told while it is carried out: a bar for each wave on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from lamina.rollouts.deciding import reached
from lamina.rollouts.journal import Noted, PutBack, Record, Troubled, Turned
from lamina.rollouts.progress import Progress as Rollout
from lamina.rollouts.steps import Apply, Bake, Goal, Over, Restore, Shift, Stage, Work, Write

# Counting who has arrived looks at all: often enough for the eye, and for whoever reads a log.
_BAR_EVERY_S: Final = 0.1
_LINE_EVERY_S: Final = 10.0
# As many bars as leave room for what is printed above them.
_WAVES_MAX: Final = 8


class RolloutProgress:
    """Tells of one roll-out on standard error; the carrier's `Watcher`."""

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._quiet = quiet
        self._lock = threading.Lock()
        self._bars: Progress | None = None
        self._tasks: dict[int, TaskID] = {}
        self._stage: Work | Bake | None = None
        self._said: tuple[str, str] = ("", "")
        self._counted_at = 0.0

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show progress within."""
        if self._quiet or not self._console.is_terminal:
            yield
            return
        columns = (TextColumn("{task.fields[wave]}"), BarColumn(24), TextColumn("{task.description}"))
        with Progress(*columns, TimeElapsedColumn(), console=self._console) as self._bars:
            yield
        self._bars = None

    def stage(self, stage: Stage, progress: Rollout) -> None:
        if isinstance(stage, (Write, Over)):
            return
        with self._lock:
            self._stage = stage
            where, saying = told = _where(stage, progress), _saying(stage, progress)
            if told != self._said:
                self._said, self._counted_at = told, time.monotonic()
                if self._bars is None:
                    self._print(f"{where}{escape(saying)} …")
            if self._bars is not None:
                self._draw(self._bars, stage, saying, progress)

    def record(self, record: Record, progress: Rollout) -> None:
        with self._lock:
            match record:
                case Troubled():
                    self._tell("red", record.trouble.value, progress.targets[record.function].name, record.why)
                case Noted():
                    self._tell("yellow", "note", progress.targets[record.function].name, record.note)
                case PutBack(left=left) if left:
                    self._tell("yellow", "not put back", progress.targets[record.function].name, "; ".join(left))
                case Turned():
                    which = "everything" if record.wave is None else _wave(record.wave, progress)
                    self._tell("red", "back", f"{which} goes back", record.why)
                case _:
                    pass
            self._count(progress)

    def _tell(self, colour: str, mark: str, name: str, saying: str) -> None:
        self._print(f"[{colour}]{mark}[/] {escape(name)}: {escape(saying)}")

    def _count(self, progress: Rollout) -> None:
        stage, now = self._stage, time.monotonic()
        if stage is None or now - self._counted_at < (_LINE_EVERY_S if self._bars is None else _BAR_EVERY_S):
            return
        self._counted_at = now
        if self._bars is not None:
            self._draw(self._bars, stage, self._said[1], progress)
        elif isinstance(stage, Work):
            there = _arrived(stage.functions, stage.goal, progress)
            self._print(f"{_where(stage, progress)}{there} of {len(stage.functions)} are through")

    def _draw(self, bars: Progress, stage: Work | Bake, saying: str, progress: Rollout) -> None:
        """Each wave's bar as it is; what is under way beside the wave's that it is about."""
        waves = range(len(progress.plan.waves))
        for number in waves if len(waves) <= _WAVES_MAX else (stage.wave,):
            if number not in self._tasks:
                wave = _wave(number, progress)
                self._tasks[number] = bars.add_task("", wave=wave, start=number == stage.wave, total=1)
            task = self._tasks[number]
            if number == stage.wave:
                bars.start_task(task)
            done, total = _through(number, stage, progress)
            doing = "" if number != stage.wave else saying if isinstance(stage, Work) else f"{saying}{_left(stage)}"
            bars.update(task, completed=done, total=total, description=escape(doing))
            if number < stage.wave:
                bars.stop_task(task)

    def _print(self, line: str) -> None:
        if not self._quiet:
            self._console.print(line)


def _through(number: int, stage: Work | Bake, progress: Rollout) -> tuple[int, int]:
    """How much of a wave is done, of how much: each function has to come to each goal; on the way back to one."""
    functions = [target.function for target in progress.plan.wave(number)]
    goals: list[Goal] = [Apply(), *(Shift(step) for step in range(len(progress.plan.options.shares)))]
    if isinstance(stage, Work) and isinstance(stage.goal, Restore):
        goals = [Restore()]
    return sum(_arrived(functions, goal, progress) for goal in goals), len(functions) * len(goals)


def _left(bake: Bake) -> str:
    return f", {max(0, round(bake.until_ms / 1000 - time.time()))} to go"


def _arrived(functions: list[str] | tuple[str, ...], goal: Goal, progress: Rollout) -> int:
    plan = progress.plan
    return sum(reached(plan, progress.targets[each], progress.life(each), goal) for each in functions)


def _wave(number: int, progress: Rollout) -> str:
    return f"wave {number + 1} of {len(progress.plan.waves)}"


def _where(stage: Work | Bake, progress: Rollout) -> str:
    """The wave that *stage* is about, unless it is about all of them."""
    whole = progress.turned is not None and progress.turned.wave is None
    return "" if whole else f"{_wave(stage.wave, progress)}: "


def _saying(stage: Work | Bake, progress: Rollout) -> str:
    options = progress.plan.options
    count = f"{len(stage.functions)} function{'' if len(stage.functions) == 1 else 's'}"
    if isinstance(stage, Bake):
        return f"watching {count} for {options.bake_s} s"
    match stage.goal:
        case Apply():
            return f"new layers for {count}"
        case Shift(step=step):
            return f"{options.alias} sends {options.shares[step]:.0%} to the new version"
        case Restore():
            return f"putting back {count}"
