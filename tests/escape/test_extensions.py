"""Attempts by extensions, and by functions that speak like one, on the server and on each other's environments."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from tests.support.extensions import call, extensions
from tests.support.functions import Function, Inside, create, wait_until
from tests.support.server import Server


def _memory_mb(server: Server) -> int:
    """What the server itself holds in memory that is not a file's."""
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) >> 10
    raise AssertionError("no RssAnon")


def _descriptors(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def still_well(server: Server) -> None:
    """The server serves others, and has met nothing it did not expect."""
    assert create(server, "def handler(e, c): return 1").value() == 1
    assert "Traceback" not in server.said()


def exchange(requests: list[str]) -> list[str]:
    """The first line of each answer; "" where the connection is closed."""
    import os
    import socket

    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
    lines = []
    for request in requests:
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            try:
                connection.sendall(request.encode("latin-1"))
                lines.append(connection.recv(4096).decode("latin-1").partition("\r\n")[0])
            except ConnectionError:
                lines.append("")
    return lines


def _request(method: str, path: str, body: str = "", *headers: str) -> str:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines) + "\r\n\r\n" + body


REGISTER = "/2020-01-01/extension/register"
SOMEBODY = "Lambda-Extension-Identifier: 01234567-89ab-cdef-0123-456789abcdef"


def test_a_function_cannot_become_an_extension_in_the_middle_of_things(inside: Inside) -> None:
    requests = [
        _request("POST", REGISTER, '{"events": ["INVOKE"]}', "Lambda-Extension-Name: late"),
        _request("GET", "/2020-01-01/extension/event/next", "", SOMEBODY),
        _request("POST", "/2020-01-01/extension/init/error", "{}", SOMEBODY, "Lambda-Extension-Function-Error-Type: x"),
        _request("POST", "/2020-01-01/extension/exit/error", "{}", SOMEBODY, "Lambda-Extension-Function-Error-Type: x"),
        _request("PUT", "/2022-07-01/telemetry", "{}", SOMEBODY),
        _request("PUT", "/2020-08-15/logs", "{}", SOMEBODY),
    ]
    assert inside.run(exchange, requests) == ["HTTP/1.1 403 Forbidden"] * len(requests)


@pytest.mark.parametrize(
    "request_",
    [
        _request("POST", REGISTER, "x" * 100_000, "Lambda-Extension-Name: big"),
        _request("POST", REGISTER, "[" * 60_000, "Lambda-Extension-Name: deep"),
        _request("POST", REGISTER, '{"events": [' + '"INVOKE",' * 5000 + '"INVOKE"]}', "Lambda-Extension-Name: many"),
        _request("POST", REGISTER, "{}", "Lambda-Extension-Name: " + "x" * 60_000),
        _request("POST", REGISTER, "{}", "Lambda-Extension-Name: \xff\xfe"),
        _request("PUT", "/2022-07-01/telemetry", "x" * 100_000, SOMEBODY),
        _request("DELETE", "/2022-07-01/telemetry", "", SOMEBODY),
        _request("GET", "/2020-01-01/extension/../../etc/passwd", "", SOMEBODY),
        _request("POST", "/2020-01-01/extension/", "", SOMEBODY),
    ],
    ids=["big", "deep", "many", "long name", "no text", "big telemetry", "method", "path", "nothing"],
)
def test_what_no_extension_would_send_is_refused(inside: Inside, prison: Server, request_: str) -> None:
    (line,) = inside.run(exchange, [request_])
    assert line == "" or line.split()[1] in ("400", "403", "404", "413"), line
    still_well(prison)


def test_names_without_end_are_not_kept(prison: Server) -> None:
    code = """
        import http.client, os
        connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        kept = refused = 0
        for number in range(2000):
            headers = {"Lambda-Extension-Name": "n%d" % number + "x" * 200}
            connection.request("POST", "/2020-01-01/extension/register", b"{}", headers)
            answer = connection.getresponse()
            answer.read()
            kept, refused = kept + (answer.status == 200), refused + (answer.status == 403)
        # Nobody will ever ask for an event in their name.
        os._exit(100 + kept if refused == 2000 - kept else 1)
        def handler(event, context):
            return None
    """
    answer = create(prison, code).call()
    assert answer.value["errorMessage"].endswith("exit status 110"), "ten were kept, all others refused"
    still_well(prison)


def _flooding(server: Server, listener: str) -> Function:
    """A function that prints without end, and an extension that has subscribed to it and is a *listener* like that."""
    body = f"""
        import socket
        register("INVOKE", "SHUTDOWN")
        server = socket.create_server(("", 8080), backlog=64)
        held = []
        def serve():
            while True:
                connection, _ = server.accept()
                {listener}
        threading.Thread(target=serve, daemon=True).start()
        subscribe(8080, buffering={{"timeoutMs": 25, "maxBytes": 1048576, "maxItems": 10000}})
        until_shutdown()
    """
    code = """
        import os, time
        def handler(seconds, context):
            end = time.monotonic() + seconds
            written = 0
            while time.monotonic() < end:
                written += os.write(1, b"x" * 80 + b"\\n" * 1 + b"y\\n" * 2000)
            return written
    """
    return create(server, code, Layers=[extensions(server, flooded=body)], Timeout=15)


@pytest.mark.parametrize(
    "listener",
    [
        "held.append(connection)",
        "connection.close()",
        "connection.sendall(b'HTTP/1.1 200 OK\\r\\n' + b'X: y\\r\\n' * 1000000); held.append(connection)",
        "connection.recv(10); connection.sendall(b'\\0' * 1000); connection.close()",
    ],
    ids=["holds", "closes", "never ends", "garbage"],
)
def test_a_listener_that_takes_nothing_does_not_fill_the_servers_memory(prison: Server, listener: str) -> None:
    function = _flooding(prison, listener)
    call(function, 0)
    before, descriptors = _memory_mb(prison), _descriptors(prison)
    answer = call(function, 2)
    assert answer.error is None, answer.raw
    assert answer.value > 100_000, "it has gone on writing"
    assert _memory_mb(prison) - before < 60
    assert _descriptors(prison) < descriptors + 20
    still_well(prison)


def test_a_fleet_of_files_is_no_fleet_of_processes(prison: Server) -> None:
    names = {f"e{number:04}": b"#!/bin/sh\nsleep 60\n" for number in range(2000)}
    function = create(prison, "def handler(e, c): return 1", Layers=[extensions(prison, **names)])
    answer = function.call()
    assert answer.value["errorType"] == "Extension.LaunchError"
    still_well(prison)


def test_file_names_that_are_no_text(prison: Server) -> None:
    from tests.support import zips
    from tests.support.functions import layer

    archive = zips.archive(zips.Item("extensions/" + "ü" * 100, b"#!/bin/sh\nexit 3\n", mode=0o100755))
    answer = create(prison, "def handler(e, c): return 1", Layers=[layer(prison, archive)]).call()
    assert answer.value["errorType"] == "Extension.Crash"
    still_well(prison)


def test_an_extension_has_no_more_rights_than_the_function(prison: Server) -> None:
    body = """
        rights = {}
        for line in open("/proc/self/status"):
            name, _, value = line.partition(":")
            if name in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "Uid"):
                rights[name] = value.split()
        rights["fds"] = sorted(os.listdir("/proc/self/fd"))
        note(rights)
        register()
        next_event()
    """
    code = """
        import json, os
        def handler(event, context):
            own = {}
            for line in open("/proc/self/status"):
                name, _, value = line.partition(":")
                if name in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "Uid"):
                    own[name] = value.split()
            return [own, json.loads(open("/tmp/looks").readline())]
    """
    function = create(prison, code, Layers=[extensions(prison, looks=body)])
    own, extension = function.value()
    descriptors = extension.pop("fds")
    assert extension == own
    # Its three streams, and the folder that is being listed.
    assert len(descriptors) <= 5


def test_extensions_do_not_survive_their_environment(prison: Server) -> None:
    body = """
        import subprocess
        register("INVOKE", "SHUTDOWN")
        for _ in range(20):
            if os.fork() == 0:
                os.setsid()
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                time.sleep(600)
                os._exit(0)
        until_shutdown(lambda event: time.sleep(600) if event["eventType"] == "SHUTDOWN" else None)
    """
    function = create(prison, "import os\ndef handler(e, c): os._exit(1)", Layers=[extensions(prison, many=body)])

    def alive() -> int:
        return sum(
            b"extensions/many" in (folder / "cmdline").read_bytes()
            for folder in Path("/proc").glob("[0-9]*")
            if (folder / "cmdline").exists()
        )

    assert function.call().value["errorType"] == "Runtime.ExitError"

    def gone() -> bool:
        try:
            return alive() == 0
        except (FileNotFoundError, ProcessLookupError):
            return False

    wait_until(gone)
    still_well(prison)


def test_reading_its_conversation_slowly_harms_nobody(prison: Server) -> None:
    body = """
        import socket
        register("INVOKE")
        host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
        held = []
        for _ in range(40):
            connection = socket.create_connection((host, int(port)))
            asking = "GET /2020-01-01/extension/event/next HTTP/1.1\\r\\nHost: x\\r\\n"
            asking += "Lambda-Extension-Identifier: %s\\r\\n\\r\\n" % ME["Lambda-Extension-Identifier"]
            connection.sendall(asking.encode())
            held.append(connection)
        time.sleep(600)
    """
    function = create(prison, "def handler(e, c): return e", Layers=[extensions(prison, holds=body)], Timeout=2)
    told: list[object] = []
    waiting = threading.Thread(target=lambda: told.append(function.call(1)))
    waiting.start()
    still_well(prison)
    waiting.join()
    assert told
    still_well(prison)
