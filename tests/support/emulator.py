"""AWS's Runtime Interface Emulator with a function in it, to hold Lamina's answers against."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import fetching
from tests.support.functions import wait_until

_PATH = "/2015-03-31/functions/function/invocations"


@dataclass(frozen=True)
class Emulator:
    """A function under the emulator. *port* takes its events, *log* is what it and the function print."""

    port: int
    log: Path

    @classmethod
    @contextmanager
    def running(cls, task: Path, runtime: Sequence[str | Path], variables: Mapping[str, str]) -> Iterator[Emulator]:
        """The function whose code lies in *task*, by AWS's own client: *runtime* is the command that starts it."""
        log = task.parent / f"{task.name}.log"
        port, runtime_api = _free_ports()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    fetching.emulator(),
                    *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
                    *("--runtime-api-address", f"127.0.0.1:{runtime_api}"),
                    *runtime,
                ],
                cwd=task,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": str(task), **variables},
                start_new_session=True,
            )
        try:
            wait_until(lambda: _listens(port), 20, "the emulator listens")
            yield cls(port, log)
        finally:
            # At SIGTERM it ends what it started.
            process.terminate()
            process.wait(20)

    def call(self, event: Any, headers: Mapping[str, str] | None = None) -> bytes:
        """The body that it answers; it tells errors from results by nothing else."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", _PATH, json.dumps(event), dict(headers or {}))
            return connection.getresponse().read()
        finally:
            connection.close()


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
