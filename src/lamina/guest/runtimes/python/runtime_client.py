"""The Runtime API client that awslambdaric loads under this name, without its compiled one.

AWS's is libcurl in an extension module: it binds the API's address when imported, which a zygote does before there is
one, and must be built for each interpreter. This one connects on first use, keeps the connection, works on every
CPython, and takes half the time per call. Its four functions are awslambdaric's interface.

In a process that was forked for its function it speaks frames with the server, which take half the messages of HTTP.
Where anybody has put something else in the Runtime API's place, as wrappers and extensions do, it speaks HTTP.
"""

from __future__ import annotations

import _socket
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    _Done = TypeVar("_Done")

# Room for more, which malloc has anew from the kernel each time, takes longer than receiving a small event.
_RECEIVE_BYTES = 64 * 1024
_RECEIVE_BYTES_MAX = 1024 * 1024
# What lamina/runtime_api/frames.py says of them.
_PREFACE = b"\0lamina frames\1\n"
_NEXT, _ANSWER, _ERROR = range(1, 4)
_ASKED = struct.Struct("!BBHI")
_TOLD = struct.Struct("!II")
_HEADERS = (
    "Lambda-Runtime-Aws-Request-Id",
    "Lambda-Runtime-Invoked-Function-Arn",
    "Lambda-Runtime-Deadline-Ms",
    "Lambda-Runtime-Trace-Id",
    "Lambda-Runtime-Client-Context",
    "Content-Type",
)
_XRAY_FAULT_BYTES_MAX = 1024 * 1024
_RESTORE_NEXT = "/2018-06-01/runtime/restore/next"
_user_agent = ""
_connection: _Connection | None = None
_forgotten: _Connection | None = None
_framed_address = ""
_framed_descriptors: str | None = None
_frames: _Frames | None = None


def initialize_client(user_agent: str) -> None:
    global _user_agent
    _user_agent = user_agent


def use_frames(descriptors: str | None) -> None:
    """Speak frames where the Runtime API is still what it is now.

    *descriptors*, if there are any, are those of a socket to hear on and of a pipe to speak on.
    """
    global _framed_address, _framed_descriptors
    _framed_address, _framed_descriptors = os.environ["AWS_LAMBDA_RUNTIME_API"], descriptors


def next() -> tuple[bytes, dict[str, str | int]]:  # noqa: A001 - awslambdaric's name for it
    """The next invocation as (body, headers); blocks until there is one."""
    global _frames
    if _frames is None and _framed_address and os.environ.get("AWS_LAMBDA_RUNTIME_API") == _framed_address:
        _frames = _reached(_open_frames)
    if _frames is not None:
        return _reached(_frames.next)
    status, headers, body = _exchange("GET", "/2018-06-01/runtime/invocation/next", {}, b"")
    if status != 200:
        raise RuntimeError("Failed to get next invocation: HTTP %d" % status)
    # The context object subtracts the clock from it.
    deadline = int(headers["Lambda-Runtime-Deadline-Ms"])
    return body, {**headers, "Lambda-Runtime-Deadline-Ms": deadline}


def restore_next() -> None:
    """Return when the environment is restored, as SnapStart has it."""
    status, _, _ = _exchange("GET", _RESTORE_NEXT, {}, b"")
    if status != 200:
        raise RuntimeError("Failed to get the next restore: HTTP %d" % status)


def begin_restore() -> None:
    """Say that this runtime waits to be restored, without waiting."""
    global _connection
    _connection = _Connection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    _connection.send("GET", _RESTORE_NEXT, {}, b"")


def forget_connection() -> None:
    """Connect anew for the next request, which is another process's."""
    global _connection, _forgotten
    # Kept open: closed, it would say that nobody waits any more.
    _forgotten, _connection = _connection, None


def post_invocation_result(
    invoke_id: str, result_data: bytes, content_type: str, invocation_id: str | None = None
) -> None:
    if _frames is not None:
        _reached(_frames.answer, _ANSWER, invoke_id, content_type, result_data)
        return
    headers = {"Content-Type": content_type}
    if invocation_id:
        headers["Lambda-Runtime-Invocation-Id"] = invocation_id
    _post("/2018-06-01/runtime/invocation/%s/response" % invoke_id, headers, result_data)


def post_error(
    invoke_id: str, error_response_data: str | bytes, xray_fault: str, invocation_id: str | None = None
) -> None:
    data = error_response_data if isinstance(error_response_data, bytes) else error_response_data.encode()
    if _frames is not None:
        _reached(_frames.answer, _ERROR, invoke_id, "Unhandled", data)
        return
    headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": "Unhandled"}
    # The server takes no larger one; nobody reads it, but without the error the invocation would never end.
    if xray_fault and len(_header_safe(xray_fault)) < _XRAY_FAULT_BYTES_MAX:
        headers["Lambda-Runtime-Function-XRay-Error-Cause"] = xray_fault
    if invocation_id:
        headers["Lambda-Runtime-Invocation-Id"] = invocation_id
    _post("/2018-06-01/runtime/invocation/%s/error" % invoke_id, headers, data)


def _post(path: str, headers: dict[str, str], body: bytes) -> None:
    status, _, answer = _exchange("POST", path, headers, body)
    if status not in (202, 413):
        raise RuntimeError("Failed to post to %s: HTTP %d %s" % (path, status, answer.decode(errors="replace")))


def _exchange(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    global _connection
    if _connection is None:
        _connection = _reached(_Connection, os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        return _reached(_connection.exchange, method, path, headers, body)
    except RuntimeError:
        _connection = None
        raise


def _reached(do: Callable[..., _Done], *arguments: object) -> _Done:
    """What *do* returns, if the server can be reached."""
    try:
        return do(*arguments)
    except OSError as error:
        raise RuntimeError("The Runtime API is gone: %s" % error) from error


def _connect(address: str) -> _socket.socket:
    host, _, port = address.partition(":")
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    connection.connect((host, int(port or 80)))
    connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    return connection


def _open_frames() -> _Frames:
    if _framed_descriptors is not None:
        hearing, saying = map(int, _framed_descriptors.split())
        return _Frames(_socket.socket(fileno=hearing), lambda data: _write(saying, data), b"")
    connection = _connect(_framed_address)
    return _Frames(connection, connection.sendall, _PREFACE)


def _write(descriptor: int, data: bytes) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


class _Frames:
    """The conversation about invocations, in frames, which *preface* begins: heard on a socket, spoken by *say*."""

    def __init__(self, hearing: _socket.socket, say: Callable[[bytes], None], preface: bytes) -> None:
        self._socket, self._say = hearing, say
        self._unsent = preface
        # Whether the next invocation has been asked for already: every answer does.
        self._asked = False

    def next(self) -> tuple[bytes, dict[str, str | int]]:
        if not self._asked:
            self._say(self._unsent + _ASKED.pack(_NEXT, 0, 0, 0))
            self._unsent = b""
        self._asked = False
        told = self._receive(b"", _TOLD.size)
        head_bytes, body_bytes = _TOLD.unpack_from(told)
        start = _TOLD.size + head_bytes
        told = self._receive(told, start + body_bytes)
        lines = told[_TOLD.size : start].decode("latin-1").split("\n")
        headers: dict[str, str | int] = {name: value for name, value in zip(_HEADERS, lines) if value}
        # The context object subtracts the clock from it.
        headers["Lambda-Runtime-Deadline-Ms"] = int(headers["Lambda-Runtime-Deadline-Ms"])
        return told[start:], headers

    def answer(self, kind: int, invoke_id: str, type_: str, body: bytes) -> None:
        request_id, type_bytes = invoke_id.encode(), _header_safe(type_).encode()
        head = _ASKED.pack(kind, len(request_id), len(type_bytes), len(body)) + request_id + type_bytes
        self._asked = True
        self._say(head + body)

    def _receive(self, told: bytes, size: int) -> bytes:
        if len(told) >= size:
            return told
        pieces, missing = [told], size - len(told)
        while missing > 0:
            # Nothing comes behind an invocation before it is answered.
            piece = self._socket.recv(_RECEIVE_BYTES if missing < _RECEIVE_BYTES else _RECEIVE_BYTES_MAX)
            if not piece:
                raise ConnectionResetError("closed")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)


class _Connection:
    def __init__(self, address: str) -> None:
        self._host = address
        self._socket = _connect(address)
        self._buffer = b""

    def exchange(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        self.send(method, path, headers, body)
        return self._answer()

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        lines = ["%s %s HTTP/1.1" % (method, path), "Host: " + self._host, "User-Agent: " + _user_agent]
        lines += ["%s: %s" % (name, _header_safe(value)) for name, value in headers.items()]
        if method == "POST":
            lines.append("Content-Length: %d" % len(body))
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def _answer(self) -> tuple[int, dict[str, str], bytes]:
        while b"\r\n\r\n" not in self._buffer:
            self._receive()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers["-".join(part.capitalize() for part in name.split("-"))] = value.strip()
        length = int(headers.get("Content-Length", "0"))
        chunks = [self._buffer]
        missing = length - len(self._buffer)
        while missing > 0:
            chunk = self._socket.recv(min(missing, _RECEIVE_BYTES_MAX))
            if not chunk:
                raise ConnectionResetError("closed in the middle of an answer")
            chunks.append(chunk)
            missing -= len(chunk)
        body = b"".join(chunks)
        self._buffer = body[length:]
        return int(first.split(" ", 2)[1]), headers, body[:length]

    def _receive(self) -> None:
        data = self._socket.recv(_RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError("closed")
        self._buffer += data


def _header_safe(value: str) -> str:
    """Header values are one line: JSON escapes stand for what is not ASCII, and line ends cannot occur in it."""
    return value.encode("ascii", "backslashreplace").decode().replace("\r", " ").replace("\n", " ")
