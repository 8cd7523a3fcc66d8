"""AWS's Runtime Interface Emulator with AWS's client for Python: no API, no isolation, one function in each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.calling import Called, Caller
from benchmarks.fetching import Interpreter
from tests.support.emulator import Emulator

NAME = "RIE"
_PATH = "/2015-03-31/functions/function/invocations"


@dataclass(frozen=True, slots=True)
class Emulated:
    """A function under the emulator, which begins it at its first call."""

    port: int
    caller: Caller

    @classmethod
    @contextmanager
    def running(cls, caller: Caller, interpreter: Interpreter, task: Path, layer: Path | None) -> Iterator[Emulated]:
        """The function in *task*, app.handler, with the unpacked *layer*."""
        variables = {
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            # As in /opt, where nothing can be written: what came as source stays source.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if layer is not None:
            variables["PYTHONPATH"] = str(layer / "python")
        python = interpreter.environment("awslambdaric")
        with Emulator.running(task, [python, "-m", "awslambdaric", "app.handler"], variables) as emulator:
            yield cls(emulator.port, caller)

    def invoke(self, *, count: int = 1) -> Called:
        """*count* calls, one after the other."""
        return self.caller.calls(self.port, _PATH, count=count)

    def flood(self, seconds: float) -> Called:
        """Calls by one client, as many as there are in *seconds*: more than one at once end the emulator."""
        return self.caller.flood(self.port, _PATH, clients=1, seconds=seconds)
