"""MiniStack, an emulator of many services that runs functions as its own child processes, unsandboxed."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.calling import Caller
from benchmarks.fetching import Interpreter
from benchmarks.subjects.api import Api
from tests.support.functions import wait_until

NAME = "MiniStack"


@contextmanager
def running(caller: Caller, interpreter: Interpreter, folder: Path) -> Iterator[Api]:
    """A server of its own on a free port; what it writes goes into *folder*."""
    folder.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Its functions run on the interpreter that it runs on itself.
    command = [str(interpreter.environment("ministack")), "-m", "ministack"]
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "ERROR",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: _listens(port, process), 60, "MiniStack listens")
        yield Api(NAME, port, caller)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"MiniStack ended with {process.returncode}"
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
