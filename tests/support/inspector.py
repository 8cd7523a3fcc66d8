"""A debugger for Node.js as an IDE is one: it speaks the inspector's protocol over a web socket."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import os
import socket
from typing import Any
from urllib.parse import urlsplit

_ANSWERS_WITHIN_S = 60


class Inspector:
    """Connected to the program whose inspector is at *port* of this machine."""

    def __init__(self, port: int) -> None:
        listing = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWERS_WITHIN_S)
        listing.request("GET", "/json/list")
        (target,) = json.load(listing.getresponse())
        listing.close()
        self.title = target["title"]
        address = urlsplit(target["webSocketDebuggerUrl"])
        assert address.port == port, "a debugger has to be led to the port that it knows"
        self._socket = socket.create_connection(("127.0.0.1", port), _ANSWERS_WITHIN_S)
        self._file = self._socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert b" 101 " in self._file.readline()
        while self._file.readline().strip():
            pass
        self._numbers = itertools.count(1)
        self._events: list[Any] = []

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, method: str, **parameters: Any) -> Any:
        """What the answer says, which must be that it worked."""
        number = next(self._numbers)
        body = json.dumps({"id": number, "method": method, "params": parameters}).encode()
        # One final text frame, masked as a client's must be: by zeros.
        length = bytes([0x80 | len(body)]) if len(body) < 126 else bytes([0x80 | 126]) + len(body).to_bytes(2, "big")
        self._socket.sendall(b"\x81" + length + bytes(4) + body)
        while True:
            message = self._read()
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._events.append(message)

    def event(self, method: str) -> Any:
        """The next event of that name, waited for."""
        for message in self._events:
            if message.get("method") == method:
                self._events.remove(message)
                return message["params"]
        while (message := self._read()).get("method") != method:
            self._events.append(message)
        return message["params"]

    def _read(self) -> Any:
        head = self._file.read(2)
        assert head, "the connection was closed"
        length = head[1] & 0x7F
        if length >= 126:
            length = int.from_bytes(self._file.read(2 if length == 126 else 8), "big")
        return json.loads(self._file.read(length))
