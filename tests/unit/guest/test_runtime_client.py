"""The client of the Runtime API against a server that follows a script, run by every interpreter there is."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lamina.runtime_api.frames import ANSWER, NEXT, PREFACE

from .interpreters import FOUND, VAR_RUNTIME, with_each

_PATIENCE_S = 30
_NEXT = (
    b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 8\r\nLambda-Runtime-Aws-Request-Id: ID\r\n"
    b"lambda-runtime-deadline-ms: 1767323045678\r\nLambda-Runtime-Trace-Id: Root=1-a:b\r\n\r\n"
    b'{"a": 1}'
)
_ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Script:
    """Plays *answers*, each a list of pieces, one for every request; `requests` are what came."""

    answers: list[list[bytes]]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    @contextmanager
    def playing(self) -> Iterator[str]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(_PATIENCE_S)
            thread = threading.Thread(target=self._play, args=(listener,))
            thread.start()
            yield "{}:{}".format(*listener.getsockname())
            thread.join()

    def _play(self, listener: socket.socket) -> None:
        while self.answers:
            connection, _ = listener.accept()
            self.connections += 1
            connection.settimeout(_PATIENCE_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection:
                while self.answers and (request := _request(connection)):
                    self.requests.append(request)
                    for piece in self.answers.pop(0):
                        if not piece:
                            # An empty piece stands for hanging up.
                            break
                        connection.sendall(piece)
                    else:
                        continue
                    break


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def call(runtime: str, address: str, code: str) -> Any:
    """What *code* leaves in `said`, having the client as `client`."""
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import runtime_client as client\n"
        "client.initialize_client('agent/1')\nsaid = None\n"
        "def failure(function, *arguments):\n"
        "    try: function(*arguments)\n"
        "    except RuntimeError as error: return str(error)\n"
        f"{code}\nprint(json.dumps(said))"
    )
    done = subprocess.run(
        [FOUND[runtime], "-S", "-B", "-W", "error", "-c", program, str(VAR_RUNTIME)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"AWS_LAMBDA_RUNTIME_API": address},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def played(runtime: str, code: str, *answers: list[bytes]) -> tuple[Any, Script]:
    script = Script(list(answers))
    with script.playing() as address:
        said = call(runtime, address, code)
    return said, script


def framed(runtime: str, code: str, *events: bytes) -> tuple[Any, list[bytes]]:
    """What *code* comes to, and what it sent, with a server that speaks frames: an event for each thing it is sent."""
    sent: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.settimeout(_PATIENCE_S)
        with connection:
            assert connection.recv(len(PREFACE), socket.MSG_WAITALL) == PREFACE
            for event in events:
                sizes = connection.recv(8, socket.MSG_WAITALL)
                _, *lengths = struct.unpack("!BBHI", sizes)
                sent.append(sizes[:1] + connection.recv(sum(lengths), socket.MSG_WAITALL))
                for at in range(0, len(event), 3_000_000):
                    connection.sendall(event[at : at + 3_000_000])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(_PATIENCE_S)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        said = call(runtime, "{}:{}".format(*listener.getsockname()), f"client.use_frames(None)\n{code}")
        thread.join()
    return said, sent


def frame(kind: int, request_id: str = "", type_: str = "", body: bytes = b"") -> bytes:
    head = struct.pack("!BBHI", kind, len(request_id), len(type_), len(body))
    return head + request_id.encode() + type_.encode() + body


def event(body: bytes) -> bytes:
    head = b"ID\narn\n1767323045678\nRoot=1-a\n\napplication/json"
    return struct.pack("!II", len(head), len(body)) + head + body


@with_each
def test_in_frames_an_answer_brings_the_next_event(runtime: str) -> None:
    code = (
        "first, headers = client.next()\n"
        "client.post_invocation_result('ID', b'1', 'application/json')\n"
        "second, _ = client.next()\n"
        "client.post_error('ID', '{}', 'cause')\n"
        "third, _ = client.next()\n"
        "said = [len(first), headers, second.decode(), third.decode()]"
    )
    said, sent = framed(runtime, code, event(b"x" * 6_000_000), event(b"2"), event(b""))
    headers = {
        "Lambda-Runtime-Aws-Request-Id": "ID",
        "Lambda-Runtime-Invoked-Function-Arn": "arn",
        "Lambda-Runtime-Deadline-Ms": 1767323045678,
        "Lambda-Runtime-Trace-Id": "Root=1-a",
        "Content-Type": "application/json",
    }
    assert said == [6_000_000, headers, "2", ""]
    assert sent == [b"\1", b"\2IDapplication/json1", b"\3IDUnhandled{}"]


@with_each
def test_in_frames_descriptors_that_are_there_need_no_preface(runtime: str) -> None:
    code = (
        "import os, socket\n"
        "ours, theirs = socket.socketpair()\n"
        "hearing, saying = os.pipe()\n"
        "client.use_frames('%d %d' % (theirs.detach(), saying))\n"
        f"ours.sendall({event(b'1')!r})\n"
        "first, _ = client.next()\n"
        "client.post_invocation_result('ID', b'3', 'application/json')\n"
        "said = [first.decode(), os.read(hearing, 100).decode()]"
    )
    told, said = call(runtime, "127.0.0.1:1", code)
    assert told == "1"
    assert said.encode() == frame(NEXT) + frame(ANSWER, "ID", "application/json", b"3")


@with_each
def test_in_frames_a_server_that_hangs_up_is_gone(runtime: str) -> None:
    for cut in (3, 20, len(event(b"body")) - 1):
        said, _ = framed(runtime, "said = failure(client.next)", event(b"body")[:cut])
        assert said == "The Runtime API is gone: closed"


@with_each
def test_what_stands_in_the_servers_place_is_spoken_to_in_http(runtime: str) -> None:
    script = Script([[_NEXT]])
    with script.playing() as address:
        code = (
            "import os; real = os.environ['AWS_LAMBDA_RUNTIME_API']; os.environ['AWS_LAMBDA_RUNTIME_API'] = 'x'\n"
            f"client.use_frames(None); os.environ['AWS_LAMBDA_RUNTIME_API'] = real\n{_ASK}"
        )
        said = call(runtime, address, code)
    assert said[0] == '{"a": 1}'


def split(data: bytes, *lengths: int) -> list[bytes]:
    pieces = []
    for length in lengths:
        pieces.append(data[:length])
        data = data[length:]
    return [*pieces, data]


_ASK = "body, headers = client.next(); said = [body.decode(), headers]"
_EVENT = [
    '{"a": 1}',
    {
        "Content-Length": "8",
        "Lambda-Runtime-Aws-Request-Id": "ID",
        "Lambda-Runtime-Deadline-Ms": 1767323045678,
        "Lambda-Runtime-Trace-Id": "Root=1-a:b",
    },
]


@with_each
def test_an_event_comes_with_its_headers_however_they_are_spelt(runtime: str) -> None:
    said, script = played(runtime, _ASK, [_NEXT])
    assert said == _EVENT
    assert script.requests == [
        b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n"
        b"Host: " + script.requests[0].split(b"Host: ")[1].split(b"\r\n")[0] + b"\r\nUser-Agent: agent/1\r\n\r\n"
    ]


@with_each
def test_an_answer_may_come_in_any_pieces(runtime: str) -> None:
    for cut in (1, 10, _NEXT.index(b"\r\n\r\n") + 1, _NEXT.index(b"\r\n\r\n") + 4, len(_NEXT) - 1):
        assert played(runtime, _ASK, split(_NEXT, cut))[0] == _EVENT
    assert played(runtime, _ASK, [bytes([byte]) for byte in _NEXT])[0] == _EVENT


@with_each
def test_a_large_event_comes_whole(runtime: str) -> None:
    body = b"x" * 6_000_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6000000\r\nLambda-Runtime-Deadline-Ms: 1\r\n\r\n" + body
    said, _ = played(runtime, "body, _ = client.next(); said = [len(body), set(body) == {120}]", [answer])
    assert said == [6_000_000, True]


@with_each
def test_one_connection_serves_event_after_event(runtime: str) -> None:
    code = "client.next(); client.post_invocation_result('ID', b'[1]', 'application/json'); client.next()"
    _, script = played(runtime, code, [_NEXT], [_ACCEPTED], [_NEXT])
    assert (script.connections, len(script.requests)) == (1, 3)
    head, _, body = script.requests[1].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /2018-06-01/runtime/invocation/ID/response HTTP/1.1\r\n")
    assert b"\r\nContent-Type: application/json\r\nContent-Length: 3" in head
    assert body == b"[1]"


@with_each
def test_an_error_is_posted_with_its_cause_on_one_line(runtime: str) -> None:
    code = "client.post_error('ID', '{\"errorMessage\": \"\\u00e4\"}', 'cause: \\u00e4\\r\\nX-Smuggled: 1', 'inner')"
    _, script = played(runtime, code, [_ACCEPTED])
    head, _, body = script.requests[0].partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")
    assert lines[0] == "POST /2018-06-01/runtime/invocation/ID/error HTTP/1.1"
    assert "Lambda-Runtime-Function-Error-Type: Unhandled" in lines
    assert "Lambda-Runtime-Function-XRay-Error-Cause: cause: \\xe4  X-Smuggled: 1" in lines
    assert "Lambda-Runtime-Invocation-Id: inner" in lines
    assert not [line for line in lines if line.startswith("X-Smuggled")]
    assert json.loads(body) == {"errorMessage": "ä"}


@with_each
def test_a_cause_that_the_server_would_not_take_is_left_out(runtime: str) -> None:
    # Escaped it takes four times the letters.
    for letters, sent in ((260_000, True), (270_000, False)):
        _, script = played(runtime, f"client.post_error('ID', '{{}}', '\\u00e4' * {letters})", [_ACCEPTED])
        assert (b"XRay-Error-Cause" in script.requests[0]) is sent


@with_each
def test_a_result_that_is_too_large_is_the_services_to_tell(runtime: str) -> None:
    refused = b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 2\r\n\r\n{}"
    said, _ = played(
        runtime,
        "said = failure(client.post_invocation_result, 'ID', b'x', 'application/json')\nclient.next()",
        [refused],
        [_NEXT],
    )
    assert said is None


@with_each
def test_other_refusals_are_raised_with_what_was_said(runtime: str) -> None:
    refused = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 7\r\n\r\nbecause"
    said, _ = played(runtime, "said = failure(client.post_error, 'ID', b'{}', '')", [refused])
    assert said == "Failed to post to /2018-06-01/runtime/invocation/ID/error: HTTP 400 because"
    said, _ = played(runtime, "said = failure(client.next)", [refused])
    assert said == "Failed to get next invocation: HTTP 400"


@with_each
def test_a_server_that_hangs_up_is_gone_and_may_come_back(runtime: str) -> None:
    for cut in (0, 10, len(_NEXT) - 3):
        pieces = [_NEXT[:cut], b""] if cut else [b""]
        said, script = played(runtime, "first = failure(client.next); client.next(); said = first", pieces, [_NEXT])
        assert said.startswith("The Runtime API is gone: closed")
        assert script.connections == 2


@with_each
def test_no_server_is_an_error_that_says_so(runtime: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "{}:{}".format(*listener.getsockname())
    assert call(runtime, address, "said = failure(client.next)").startswith("The Runtime API is gone: ")
