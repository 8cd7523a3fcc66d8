"""What every measurement is given: the subjects, the interpreter, a folder, and how thorough to be."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import fetching
from benchmarks.calling import Caller
from benchmarks.fetching import Interpreter, NotToBeHad
from benchmarks.subjects import ministack
from benchmarks.subjects.api import Api
from benchmarks.subjects.emulator import Emulated
from benchmarks.subjects.lamina import Lamina

_QUICK = 10


@dataclass(frozen=True, slots=True)
class Bench:
    """Measures in *folder*; *quick* tries out the measuring, *absent* says by name why a subject takes no part."""

    caller: Caller
    interpreter: Interpreter
    folder: Path
    quick: bool
    absent: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def prepare(self) -> None:
        """Fetch what is not here yet, so that no row waits for it. What cannot be had takes no part."""
        for name, package in (("RIE", "awslambdaric"), ("MiniStack", "ministack")):
            try:
                self.interpreter.environment(package)
                if name == "RIE":
                    fetching.emulator()
                else:
                    Interpreter.own().environment(package)
            except NotToBeHad as error:
                self.absent[name] = str(error)

    def times(self, full: int) -> int:
        """How often to do what is done *full* times when it counts."""
        return max(2, full // _QUICK) if self.quick else full

    def fresh(self, name: str) -> Path:
        """A folder of nobody else's, which is not there yet."""
        return self.folder / f"{name}-{next(self._numbers)}"

    @contextmanager
    def lamina(self, *, warm: bool = True, preload: str = "") -> Iterator[Lamina]:
        """A Lamina with nothing in it; unless *warm*, it ends an environment after each call."""
        with Lamina.running(self.caller, self.fresh("lamina") / "state", warm=warm, preload=preload) as lamina:
            yield lamina

    @contextmanager
    def ministack(self, *, runs_functions: bool = True) -> Iterator[Api | None]:
        """A MiniStack with nothing in it, where it can be had.

        On the interpreter of functions, which it runs on its own; else on that of Lamina's server.
        """
        if "MiniStack" in self.absent:
            yield None
            return
        interpreter = self.interpreter if runs_functions else Interpreter.own()
        with ministack.running(self.caller, interpreter, self.fresh("ministack")) as api:
            yield api

    @contextmanager
    def emulator(self, source: str, layer: Path | None = None) -> Iterator[Emulated | None]:
        """*source* as app.py under a new emulator, with the unpacked *layer*, where it can be had."""
        if "RIE" in self.absent:
            yield None
            return
        task = self.fresh("task") / "task"
        task.mkdir(parents=True)
        (task / "app.py").write_text(source)
        with Emulated.running(self.caller, self.interpreter, task, layer) as emulated:
            yield emulated


def code(source: str, name: str = "app.py") -> bytes:
    """The archive of a function whose only file is *source*."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(zipfile.ZipInfo(name, (2024, 5, 17, 12, 0, 0)), source)
    return written.getvalue()


# Answers how often its process was called: 1 is a cold start, whatever anybody says.
COUNTING = """
calls = 0
def handler(event, context):
    global calls
    calls += 1
    return calls
"""


def is_cold(answer: object) -> bool:
    """Whether COUNTING was called for the first time."""
    return answer == 1
