"""The door that a running server has for its own user: what commands ask there."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

from lamina import unix_sockets
from lamina.cli.failures import Failure

_SOCKET: Final = "control.sock"


@dataclass(frozen=True, slots=True)
class Door:
    """A connection that asks one thing."""

    connection: socket.socket
    answers: BufferedReader

    def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The server's answer. Raises Failure for what it refuses, and when it ends first."""
        self.connection.sendall(json.dumps(request).encode() + b"\n")
        answer: dict[str, Any] = json.loads(
            self.answers.readline() or b'{"error": "the server ended before it answered"}'
        )
        if "error" in answer:
            raise Failure(answer["error"])
        return answer

    def wait_closed(self) -> None:
        """Returns when the server has gone."""
        self.answers.read()


@contextmanager
def server_door(state: Path, usage: str) -> Iterator[Door]:
    """A connection to the server that keeps its state in *state*; *usage* is what a hint shows of the command."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            with unix_sockets.address(state / _SOCKET) as address:
                connection.connect(address)
        except OSError as error:
            raise Failure(
                f"no server that you may use keeps its state in {state}: {error.strerror}",
                f"Start one with `lamina up`, or name its folder: lamina {usage} --state DIR",
            ) from error
        with connection.makefile("rb") as answers:
            yield Door(connection, answers)
