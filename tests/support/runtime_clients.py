"""Runtime clients against a small Runtime API: what they ask, what they answer, what they write, how they end."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Self

from lamina.runtime_api.log_frames import LogFrames

_PATIENCE_S = 30
ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"


@dataclass(frozen=True)
class Event:
    """An invocation to come. *headers* are added to those that every invocation has; *payload* is sent as it is."""

    payload: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @classmethod
    def of(cls, value: Any, **headers: str) -> Event:
        """An event that is *value*, with headers named as in `lambda_runtime_trace_id`."""
        return cls(json.dumps(value).encode(), {name.replace("_", "-"): text for name, text in headers.items()})


@dataclass(frozen=True)
class Said:
    """One POST of a client: *kind* is "response", "error" or "init error"; *whole* unless the connection was cut."""

    kind: str
    request_id: str
    headers: Mapping[str, str]
    body: bytes
    trailers: Mapping[str, str]
    whole: bool

    @property
    def value(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Outcome:
    """What a client did: its POSTs in order, its log as the platform reads it, its status if it ended by itself."""

    said: list[Said]
    log: str
    status: int | None
    connections: int

    @property
    def values(self) -> list[Any]:
        return [said.value for said in self.said]

    @property
    def only(self) -> Said:
        (said,) = self.said
        return said


def run(
    command: Sequence[str], environ: Mapping[str, str], events: Sequence[Event], refuses: int | None = None
) -> Outcome:
    """Run the client *command* until it asks for more than *events*, or ends. *refuses*: a status for each response."""
    with _RuntimeApi(events, refuses) as api:
        read, write = os.pipe()
        process = subprocess.Popen(
            command,
            env={**environ, "AWS_LAMBDA_RUNTIME_API": api.address, "_LAMBDA_TELEMETRY_LOG_FD": str(write)},
            stdin=subprocess.DEVNULL,
            stdout=write,
            stderr=write,
            pass_fds=(write,),
        )
        os.close(write)
        pieces: list[bytes] = []
        reader = threading.Thread(target=_read, args=(read, pieces))
        reader.start()
        waiter = threading.Thread(target=_wait, args=(process, api.finished))
        waiter.start()
        finished = api.finished.wait(_PATIENCE_S)
        status = process.poll()
        process.kill()
        waiter.join()
        reader.join()
        frames = LogFrames()
        text = b"".join(message for piece in pieces for message, _ in frames.feed(piece))
        log = (text + frames.flush()).decode(errors="replace")
        assert finished, f"the client neither asked for more nor ended:\n{log}"
        return Outcome(api.said, log, status, api.connections)


def _wait(process: subprocess.Popen[bytes], ended: threading.Event) -> None:
    process.wait()
    ended.set()


def _read(descriptor: int, pieces: list[bytes]) -> None:
    with open(descriptor, "rb", buffering=0) as pipe:
        while data := pipe.read(65536):
            pieces.append(data)


class _RuntimeApi:
    """Gives its events one after another; an event more than there are is asked for: finished."""

    def __init__(self, events: Sequence[Event], refuses: int | None) -> None:
        self._events = list(events)
        self._refuses = refuses
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._accepted: list[socket.socket] = []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.said: list[Said] = []
        self.finished = threading.Event()

    @property
    def connections(self) -> int:
        return len(self._accepted)

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for accepted in self._accepted:
            try:
                accepted.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads[1:]:
            thread.join()
        for accepted in self._accepted:
            accepted.close()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self._accepted.append(accepted)
            self._threads.append(threading.Thread(target=self._serve, args=(accepted,)))
            self._threads[-1].start()

    def _serve(self, accepted: socket.socket) -> None:
        try:
            with accepted.makefile("rb") as incoming:
                while request := incoming.readline():
                    method, path, version = request.decode().split()
                    assert version == "HTTP/1.1"
                    reply = self._answer(method, path, _headers(incoming), incoming)
                    accepted.sendall(reply)
        except OSError:
            return

    def _answer(self, method: str, path: str, headers: dict[str, str], incoming: BinaryIO) -> bytes:
        if (method, path) == ("GET", "/2018-06-01/runtime/invocation/next"):
            if not self._events:
                self.finished.set()
                return self._hold(incoming)
            event = self._events.pop(0)
            return _reply(
                200, {**_INVOCATION, "lambda-runtime-aws-request-id": event.request_id, **event.headers}, event.payload
            )
        assert method == "POST"
        *_, before, last = path.split("/")
        kind = "init error" if path == "/2018-06-01/runtime/init/error" else last
        body, trailers, whole = _body(headers, incoming)
        self.said.append(Said(kind, before if kind != "init error" else "", headers, body, trailers, whole))
        return _reply(self._refuses if self._refuses and kind == "response" else 202, {}, b'{"status":"OK"}')

    def _hold(self, incoming: BinaryIO) -> bytes:
        """A client that waits for its next event sends nothing; its end is the end."""
        incoming.read(1)
        raise ConnectionResetError


_INVOCATION = {
    "Content-Type": "application/json",
    "Lambda-Runtime-Deadline-Ms": "99999999999999",
    "Lambda-Runtime-Invoked-Function-Arn": ARN,
}


def _headers(incoming: BinaryIO) -> dict[str, str]:
    headers = {}
    while line := incoming.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers


def _body(headers: Mapping[str, str], incoming: BinaryIO) -> tuple[bytes, dict[str, str], bool]:
    if headers.get("transfer-encoding") != "chunked":
        length = int(headers["content-length"])
        body = incoming.read(length)
        return body, {}, len(body) == length
    pieces: list[bytes] = []
    while True:
        size = incoming.readline()
        if not size:
            return b"".join(pieces), {}, False
        if not int(size, 16):
            return b"".join(pieces), _headers(incoming), True
        pieces.append(incoming.read(int(size, 16)))
        incoming.readline()


def _reply(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(body)}", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
