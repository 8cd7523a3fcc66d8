"""Running the clients of package registries: uv, npm, Maven."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from lamina.interrupts import uninterrupted
from lamina.workshop.errors import WorkshopError

_ENDS_WITHIN_S: Final = 2
_LINES_KEPT: Final = 400


class Progress(Protocol):
    """Hears of a build as it goes on."""

    def step(self, saying: str) -> None:
        """The next step has begun; the one before has ended."""

    def detail(self, saying: str) -> None:
        """What the step is at, in a line."""


class Silent:
    """Nobody watches."""

    def step(self, saying: str) -> None:
        pass

    def detail(self, saying: str) -> None:
        pass


class ToolMissing(WorkshopError):
    """A program that a build needs is not on this machine."""

    NOT_POSSIBLE_HERE = 5

    def __init__(self, tool: str, hint: str) -> None:
        super().__init__(f"{tool} is not on this machine", hint, self.NOT_POSSIBLE_HERE)


class ToolFailed(Exception):
    """A tool ended with an error. `output` is what it said, its last lines if it was much."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs of this machine, run in *environ*, each line that they say told to *progress*."""

    environ: Mapping[str, str]
    progress: Progress = field(default_factory=Silent)

    def find(self, tool: str, hint: str) -> str:
        """The path of *tool*. Raises ToolMissing, which says *hint*."""
        found = shutil.which(tool, path=self.environ.get("PATH", os.defpath))
        if found is None:
            raise ToolMissing(tool, hint)
        return found

    def run(self, command: Sequence[str | Path], cwd: Path, **more: str) -> str:
        """What *command* says, standard error included. Raises ToolFailed.

        Interrupted, it takes the command and everything that it started with it.
        """
        said: deque[str] = deque(maxlen=_LINES_KEPT)
        with ExitStack() as begun:
            # Before anybody could interrupt, it is known whom to end.
            with uninterrupted():
                process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env={**self.environ, **more},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                    start_new_session=True,
                )
                assert process.stdout is not None
                begun.enter_context(process.stdout)
                begun.push(partial(_interrupted, process))
            for line in process.stdout:
                said.append(line)
                if line.strip():
                    self.progress.detail(line.strip())
            process.wait()
        output = "".join(said)
        if process.returncode:
            raise ToolFailed(output)
        return output


def _interrupted(process: subprocess.Popen[str], kind: type[BaseException] | None, *_: object) -> None:
    """End *process* where the `with` did not come to its end."""
    if kind is None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(_ENDS_WITHIN_S)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
