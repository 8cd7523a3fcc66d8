"""A debugger as an IDE is one: it speaks the Debug Adapter Protocol, and nothing else is known of what it talks to."""

from __future__ import annotations

import itertools
import json
import socket
from typing import Any

_ANSWERS_WITHIN_S = 60


class Debugger:
    """Connected to *port* of this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), _ANSWERS_WITHIN_S)
        self._file = self._socket.makefile("rb")
        self._numbers = itertools.count(1)
        self._events: list[Any] = []

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def send(self, command: str, **arguments: Any) -> int:
        """Ask without waiting for the answer; its number."""
        number = next(self._numbers)
        request = {"seq": number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(request).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        return number

    def ask(self, command: str, **arguments: Any) -> Any:
        """What the answer says, which must be that it worked."""
        return self.answer(self.send(command, **arguments))

    def answer(self, number: int) -> Any:
        while True:
            message = self._read()
            if message["type"] == "response" and message["request_seq"] == number:
                assert message["success"], message
                return message.get("body")
            self._events.append(message)

    def event(self, name: str) -> Any:
        """The next event of that name, waited for."""
        for message in self._events:
            if message.get("event") == name:
                self._events.remove(message)
                return message.get("body")
        while (message := self._read()).get("event") != name:
            self._events.append(message)
        return message.get("body")

    def _read(self) -> Any:
        length = 0
        while line := self._file.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the connection was closed"
        return json.loads(self._file.read(length))
