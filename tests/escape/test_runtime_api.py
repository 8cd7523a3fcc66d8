"""Attempts on the conversation between the function and the server: forgery, garbage, floods."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.support.functions import Inside, create, wait_until
from tests.support.server import Server


def exchange(request: str) -> str:
    """Send *request* as it is and give the first line of what comes back, "" where the connection is closed."""
    import os
    import socket

    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        try:
            connection.sendall(request.encode("latin-1"))
            return connection.recv(4096).decode("latin-1").partition("\r\n")[0]
        except ConnectionError:
            return ""


def _post(path: str, body: str, *headers: str) -> str:
    lines = [f"POST /2018-06-01/runtime/{path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines) + "\r\n\r\n" + body


@pytest.mark.parametrize("kind", ["response", "error"])
def test_an_answer_for_another_invocation_is_refused(inside: Inside, kind: str) -> None:
    for request_id in ("00000000-0000-0000-0000-000000000000", "..", "%2e%2e", "x" * 1000):
        assert inside.run(exchange, _post(f"invocation/{request_id}/{kind}", '"forged"')) == "HTTP/1.1 400 Bad Request"


def test_an_answer_for_the_environment_next_door_does_not_get_there(prison: Server) -> None:
    slow = create(prison, "import time\ndef handler(e, c):\n    time.sleep(1)\n    return [c.aws_request_id, 'true']")
    forger = Inside.on(prison)
    told: list[object] = []
    waiting = threading.Thread(target=lambda: told.append(slow.call()))
    waiting.start()
    # Whatever it guesses, it speaks to its own Runtime API only.
    assert forger.run(exchange, _post("invocation/any/response", '"forged"')) == "HTTP/1.1 400 Bad Request"
    waiting.join()
    assert told[0].value[1] == "true"  # type: ignore[attr-defined]  # an Answer


def test_asking_for_the_next_event_in_the_middle_of_one_is_refused(inside: Inside) -> None:
    asking = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
    assert inside.run(exchange, asking) == "HTTP/1.1 403 Forbidden"
    assert inside.run(exchange, _post("init/error", "{}")) == "HTTP/1.1 403 Forbidden"


def test_a_child_that_answers_for_its_parent_answers_once(prison: Server) -> None:
    function = create(
        prison,
        """
        import os, urllib.request
        def handler(event, context):
            if event == "forge":
                url = "http://%s/2018-06-01/runtime/invocation/%s/response"
                address = url % (os.environ["AWS_LAMBDA_RUNTIME_API"], context.aws_request_id)
                if os.fork() == 0:
                    for attempt in range(3):
                        try:
                            urllib.request.urlopen(address, b'"from the child"').close()
                        except OSError:
                            pass
                    os._exit(0)
                os.wait()
            return event
        """,
    )
    for _ in range(3):
        assert function.call("forge").value == "from the child"
        # The parent's own answer came too late, and is no answer to anything that follows.
        wait_until(lambda: function.call("honest").value == "honest")


@pytest.mark.parametrize(
    "garbage",
    [
        "\0" * 100, "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", "\x16\x03\x01" + "x" * 200,
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzzzzz\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "CONNECT x:80 HTTP/1.1\r\n\r\n", "GET /../../etc/shadow HTTP/1.1\r\n\r\n",
        "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n" * 50,
    ],
)  # fmt: skip
def test_garbage_is_refused_and_harms_nobody(inside: Inside, prison: Server, garbage: str) -> None:
    first = inside.run(exchange, garbage)
    assert first == "" or first.split()[1] in ("400", "403", "404", "405", "411", "413", "505"), first
    assert inside.run(exchange, _post("invocation/x/response", "")) == "HTTP/1.1 400 Bad Request"
    assert "Traceback" not in prison.said()


def _memory_mb(server: Server) -> int:
    """What the server itself holds in memory that is not a file's."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) >> 10
    raise AssertionError("no RssAnon")


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        ("", "GET / HTTP/1.1\r\n\r\n"),
        ("GET /", "x"),
        ("GET / HTTP/1.1\r\nX: ", "x"),
        ("GET / HTTP/1.1\r\n", "X-Name: value\r\n"),
        ("POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nContent-Length: 200000000\r\n\r\n", "x"),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", "1\r\nx\r\n"),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "Trailer: x\r\n"),
    ],
    ids=["requests", "url", "header", "headers", "body", "chunks", "trailers"],
)
def test_a_request_without_end_does_not_fill_the_servers_memory(
    inside: Inside, prison: Server, start: str, piece: str
) -> None:
    def flood(start: str, piece: str) -> int:
        import os
        import socket
        import time

        host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
        sent = 0
        deadline = time.monotonic() + 3
        block = (piece * (1 + 65536 // len(piece))).encode()
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(start.encode())
            try:
                while sent < 120_000_000 and time.monotonic() < deadline:
                    connection.sendall(block)
                    sent += len(block)
            except OSError:
                pass
        return sent

    before = _memory_mb(prison)
    inside.run(flood, start, piece)
    # Bounded bodies are 6 MB; what the allocator keeps for later is allowed for.
    assert _memory_mb(prison) - before < 40
    assert inside.run(exchange, _post("invocation/x/response", "")) == "HTTP/1.1 400 Bad Request"


def test_connections_without_end_do_not_take_the_servers_descriptors(prison: Server) -> None:
    def open_many(processes: int, each: int) -> int:
        import os
        import socket
        import time

        host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
        children = []
        for _ in range(processes):
            pid = os.fork()
            if pid == 0:
                held = []
                for _ in range(each):
                    connection = socket.socket()
                    connection.settimeout(0.5)
                    try:
                        connection.connect((host, int(port)))
                    except OSError:
                        break
                    held.append(connection)
                time.sleep(1)
                os._exit(0)
            children.append(pid)
        for pid in children:
            os.waitpid(pid, 0)
        return 0

    flooding = Inside.on(prison, Timeout=30)
    descriptors = f"/proc/{prison.process.pid}/fd"
    before = len(os.listdir(descriptors))
    thread = threading.Thread(target=flooding.answer, args=(open_many, 5, 900))
    thread.start()
    most = before
    while thread.is_alive():
        most = max(most, len(os.listdir(descriptors)))
        thread.join(0.05)
    assert most - before < 600
    wait_until(lambda: len(os.listdir(descriptors)) < before + 30)
    assert create(prison, "def handler(e, c): return 1").value() == 1


def test_a_function_without_its_streams_still_answers(prison: Server) -> None:
    function = create(
        prison,
        """
        import os
        def handler(event, context):
            if event == "close":
                for number in (0, 1, 2, 62):
                    try:
                        os.close(number)
                    except OSError:
                        pass
            if event == "raise":
                raise ValueError("x")
            return event
        """,
    )
    assert function.value("close") == "close"
    assert function.value("again") == "again"
    assert function.call("raise").error == "Unhandled"
    wait_until(lambda: function.call("again").value == "again")


@pytest.mark.parametrize(
    "attempt",
    [
        'os.write(SAYS, b"\\xff" * 100_000)',
        "os.close(SAYS)",
        'os.write(SAYS, b"\\2\\5\\0\\0\\0\\0\\0\\4wrong1234")',
    ],
    ids=["garbage", "closing", "forgery"],
)
def test_the_descriptors_of_a_runtime_are_worth_no_more_than_its_listener(prison: Server, attempt: str) -> None:
    """What is done to them costs this environment its process; the next one has the listener, and answers."""
    function = create(
        prison,
        f"""
        import os, stat
        OPEN = [fd for fd in range(3, 100) if os.path.exists(f"/proc/self/fd/{{fd}}")]
        [HEARS] = [fd for fd in OPEN if stat.S_ISSOCK(os.fstat(fd).st_mode)] or [-1]
        SAYS = max(OPEN)
        def handler(event, context):
            if event == "attempt":
                {attempt}
            return stat.S_ISFIFO(os.fstat(SAYS).st_mode) and SAYS > HEARS > 0
        """,
    )
    assert function.value() is True
    assert function.call("attempt").error == "Unhandled"
    assert function.value() is False


def test_no_descriptor_can_be_sent_to_the_server(inside: Inside) -> None:
    """One whose last user closes it waits for a peer that never reads; the server must not become that user."""

    def send_along() -> list[str]:
        import array
        import errno
        import os
        import socket
        import stat
        import struct

        found = []
        for fd in range(3, 100):
            try:
                if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                    continue
            except OSError:
                continue
            lingering = socket.socket()
            lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [lingering.fileno()]))]
            with socket.socket(fileno=os.dup(fd)) as talking:
                try:
                    talking.sendmsg([b"x"], rights)
                    found.append("sent")
                except OSError as error:
                    found.append(errno.errorcode.get(error.errno or 0, "?"))
        return found

    assert inside.run(send_along) == ["EPIPE"]
