"""A plain HTTP client in a process of its own, so that what measures shares nothing with what is measured.

Orders are lines of JSON on its standard input, answers lines of JSON on its standard output; `calling.Caller` writes
and reads them. Connections are kept, and are opened before a clock starts.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import select
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httptools

_PATIENCE_S = 180
_PIECE = 1 << 18
# Of what many calls answered; enough to see whether one of them was not what it should have been.
_ANSWERS_MAX = 200


class Connection:
    """One kept connection to *port* of this machine. Raises OSError."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open()

    def _open(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self._port), timeout=_PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._complete = False
        self._last = False

    def on_body(self, piece: bytes) -> None:
        """Called by the parser."""
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self._complete = True
        self._last = not self._parser.should_keep_alive()

    def send(self, request: bytes) -> None:
        """Send *request*; the answer to the one before has been received."""
        self._pieces.clear()
        self._complete = False
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Read what has come; whether the answer is whole."""
        piece = self.socket.recv(_PIECE)
        if not piece:
            raise ConnectionResetError("the server closed the connection before it answered")
        self._parser.feed_data(piece)
        return self._complete

    def answer(self) -> tuple[int, bytes]:
        """Status and body of the whole answer. A server that wants to close the connection gets another one."""
        told = self._parser.get_status_code(), b"".join(self._pieces)
        if self._last:
            self.socket.close()
            self._open()
        return told

    def is_over(self) -> bool:
        """Whether the server has closed it, as servers do with one that is idle for long."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def close(self) -> None:
        """Give the socket back."""
        self.socket.close()

    def exchange(self, request: bytes) -> tuple[float, int, bytes]:
        """Milliseconds from the first byte sent to the last received, status and body."""
        began = time.perf_counter()
        self.send(request)
        while not self.receive():
            pass
        took_ms = (time.perf_counter() - began) * 1000
        return took_ms, *self.answer()


class _Answers:
    """The different answers of many calls, as text, and how many calls there were of each status."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self._bodies: dict[str, None] = {}

    def note(self, status: int, body: bytes) -> None:
        self.statuses[status] += 1
        if len(self._bodies) < _ANSWERS_MAX:
            self._bodies[body.decode("utf-8", "replace")] = None

    def told(self) -> dict[str, Any]:
        return {"statuses": self.statuses, "answers": list(self._bodies)}


class Client:
    """Carries out orders."""

    def __init__(self) -> None:
        self._connections: dict[int, Connection] = {}

    def carry_out(self, order: dict[str, Any]) -> dict[str, Any]:
        """What *order* came to. Raises OSError."""
        kinds: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "calls": self._calls,
            "flood": self._flood,
            "each": self._each,
            "pages": self._pages,
        }
        try:
            return kinds[order["do"]](order)
        except OSError:
            self._forget(order["port"])
            raise

    def _calls(self, order: dict[str, Any]) -> dict[str, Any]:
        """*count* calls, one after the other, with a pause of *pause_ms* before each."""
        connection, request = self._connection(order["port"]), _request(order)
        times, answers = [], _Answers()
        for _ in range(order["count"]):
            if order["pause_ms"]:
                time.sleep(order["pause_ms"] / 1000)
            took_ms, status, body = connection.exchange(request)
            times.append(took_ms)
            answers.note(status, body)
        return {"ms": times} | answers.told()

    def _flood(self, order: dict[str, Any]) -> dict[str, Any]:
        """*clients* at once, each of which calls again as soon as it has its answer: for *seconds*, or *each* times."""
        calls = order["clients"] * order["each"] if order["each"] >= 0 else None
        request = _request(order)
        requests = itertools.repeat(request) if calls is None else itertools.repeat(request, calls)
        return _crowd(order["port"], order["clients"], requests, order["seconds"])

    def _each(self, order: dict[str, Any]) -> dict[str, Any]:
        """All *requests*, by *clients* at once."""
        requests = (_request(order | {"path": path, "body": body}) for path, body in order["requests"])
        return _crowd(order["port"], order["clients"], requests, math.inf)

    def _pages(self, order: dict[str, Any]) -> dict[str, Any]:
        """All pages of a list, each asked for with the marker of the one before."""
        connection, took_ms, items, pages, answers = self._connection(order["port"]), 0.0, 0, 0, _Answers()
        marker = ""
        while True:
            following = order | {"path": order["path"] + (f"&Marker={marker}" if marker else "")}
            page_ms, status, body = connection.exchange(_request(following))
            took_ms, pages = took_ms + page_ms, pages + 1
            answers.note(status, b"" if status == 200 else body)
            page = json.loads(body)
            items += sum(len(value) for value in page.values() if isinstance(value, list))
            marker = page.get("NextMarker") or ""
            if not marker:
                return {"ms": [took_ms], "items": items, "pages": pages} | answers.told()

    def _connection(self, port: int) -> Connection:
        known = self._connections.get(port)
        if known is None or known.is_over():
            self._forget(port)
            known = self._connections[port] = Connection(port)
        return known

    def _forget(self, port: int) -> None:
        connection = self._connections.pop(port, None)
        if connection is not None:
            connection.close()


def _crowd(port: int, clients: int, requests: Iterator[bytes], seconds: float) -> dict[str, Any]:
    """Have *clients* send *requests*, each the next one as soon as it has its answer, for at most *seconds*."""
    answers, times, sent = _Answers(), [], {}
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as opened:
        connections = [Connection(port) for _ in range(clients)]
        for connection in connections:
            opened.callback(connection.close)
        began = ended = time.perf_counter()

        def send_next(connection: Connection) -> None:
            request = next(requests, None) if ended - began < seconds else None
            if request is not None:
                # What it is registered by is another socket when the server wanted to close.
                selector.register(connection.socket, selectors.EVENT_READ, connection)
                sent[connection] = time.perf_counter()
                connection.send(request)

        for connection in connections:
            send_next(connection)
        while selector.get_map():
            for key, _ in selector.select(_PATIENCE_S):
                if key.data.receive():
                    ended = time.perf_counter()
                    times.append((ended - sent[key.data]) * 1000)
                    selector.unregister(key.fileobj)
                    answers.note(*key.data.answer())
                    send_next(key.data)
    return {"ms": times, "seconds": ended - began} | answers.told()


def _request(order: dict[str, Any]) -> bytes:
    body = Path(order["body_file"]).read_bytes() if order["body_file"] else order["body"].encode()
    head = f"{order['method']} {order['path']} HTTP/1.1\r\nHost: 127.0.0.1:{order['port']}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def main() -> None:
    """Serve whoever started this process, until its standard input ends."""
    client = Client()
    for line in sys.stdin:
        try:
            told = client.carry_out(json.loads(line))
        except OSError as error:
            told = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
