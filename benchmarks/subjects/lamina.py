"""Lamina itself, as `lamina up` runs it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.calling import Caller
from benchmarks.fetching import Interpreter
from benchmarks.processes import family, processor_ms
from benchmarks.samples import Skipped
from benchmarks.subjects.api import Api
from tests.support.server import Server

NAME = "Lamina"

_PATIENCE_S = 60
_PAUSE_S = 0.1
_QUIET_S = 1.0
_QUIET_MS_PER_S = 20


@dataclass(frozen=True, slots=True)
class Lamina(Api):
    """A server. *pid* is its process, below which is everything that it started; *state* is its folder."""

    pid: int
    state: Path

    @classmethod
    @contextmanager
    def running(
        cls, caller: Caller, state: Path, *, warm: bool = True, environments: int = 1000, preload: str = ""
    ) -> Iterator[Lamina]:
        """A server of its own on a free port; unless *warm*, it ends an environment after each call.

        The modules *preload* of layers are imported ahead.
        """
        environ = {
            "LAMBDA_KEEPALIVE_MS": "600000" if warm else "0",
            "LAMINA_MAX_ENVIRONMENTS": str(environments),
            "LAMINA_PRELOAD": preload,
            "LAMINA_LOG_LEVEL": "error",
        }
        with Server.started(state, environ) as server:
            port = urlsplit(server.endpoint).port
            assert port is not None
            yield cls(NAME, port, caller, server.process.pid, state)

    @property
    def byte_code(self) -> Path:
        """The folder of all byte-code, which is there once there is any."""
        return self.state / "trees" / "v1" / ".bytecode"

    def wait_byte_code(self, archive: Path, interpreter: Interpreter) -> None:
        """Return once the sources of the layer *archive* have byte-code for *interpreter*. Raises Skipped."""
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        if not self.byte_code.is_dir():
            raise Skipped("Lamina makes no byte-code yet")
        deadline = time.monotonic() + _PATIENCE_S
        while not (self.byte_code / digest / interpreter.cache_tag).is_dir():
            if time.monotonic() > deadline:
                raise Skipped(f"no byte-code within {_PATIENCE_S} s")
            time.sleep(_PAUSE_S)

    def wait_quiet(self) -> None:
        """Return once the server and everything below it does nothing to speak of, or raise Skipped."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            pids = family(self.pid)
            before = processor_ms(pids)
            time.sleep(_QUIET_S)
            if processor_ms(pids) - before < _QUIET_S * _QUIET_MS_PER_S:
                return
            if time.monotonic() > deadline:
                raise Skipped(f"the server was still busy after {_PATIENCE_S} s")
