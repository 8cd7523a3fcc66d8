"""Extensions from layers: programs of their own beside the runtime, and the events of its life they are told of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import zips
from tests.support.extensions import READING, call, extensions
from tests.support.functions import Answer, create, layer, wait_until
from tests.support.server import ACCOUNT, Server

COUNTING = 'register("INVOKE", "SHUTDOWN")\nuntil_shutdown()'
TELLING = READING + "def handler(event, context):\n    return notes(event)\n"


def _error(answer: Answer) -> tuple[str, str]:
    assert answer.error == "Unhandled", answer.raw
    return answer.value["errorType"], answer.value["errorMessage"]


def _kinds(events: list[Any]) -> list[str]:
    return [event["eventType"] for event in events if isinstance(event, dict)]


def test_an_extension_is_told_of_every_invocation(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    function = create(server, TELLING, Layers=[extensions(server, counter=COUNTING)])
    answers = [call(function, "counter") for _ in range(3)]
    events = call(function, "counter").value
    assert _kinds(events)[:3] == ["INVOKE"] * 3
    for answer, event in zip(answers, events, strict=False):
        assert event["requestId"] == answer.request_id
        assert event["invokedFunctionArn"].endswith(f":function:{function.name}")
        assert event["tracing"]["type"] == "X-Amzn-Trace-Id"
        assert event["deadlineMs"] > 1_700_000_000_000


def test_extensions_of_two_layers_run_side_by_side(shared_server: Server) -> None:
    layers = [extensions(shared_server, one=COUNTING), extensions(shared_server, two=COUNTING)]
    code = READING + "def handler(event, context): return [len(notes('one')), len(notes('two'))]"
    function = create(shared_server, code, Layers=layers)
    function.value()
    wait_until(lambda: min(function.value()) >= 2)


def test_it_has_registered_before_the_runtime_is_started(shared_server: Server) -> None:
    body = 'time.sleep(0.3)\nnote("registers")\nregister("INVOKE")\nnote("registered")\nuntil_shutdown()'
    code = READING + "AT_IMPORT = notes('late')\ndef handler(event, context): return AT_IMPORT"
    function = create(shared_server, code, Layers=[extensions(shared_server, late=body)])
    assert function.value()[0] == "registers"


def test_what_it_learns_when_it_registers(shared_server: Server) -> None:
    body = """
        plain = register("INVOKE", "SHUTDOWN")
        note(plain[1])
        note(ask("POST", "/2020-01-01/extension/register", {"Lambda-Extension-Name": NAME}, {"events": []})[0::2])
        until_shutdown()
    """
    asking = body.replace('"SHUTDOWN")', '"SHUTDOWN", **{"Lambda-Extension-Accept-Feature": "accountId"})')
    function = create(
        shared_server, TELLING, Layers=[extensions(shared_server, plain=body), extensions(shared_server, asks=asking)]
    )
    facts = {"functionName": function.name, "functionVersion": "$LATEST", "handler": "index.handler"}
    plain, again = function.value("plain")[:2]
    assert plain == facts
    assert function.value("asks")[0] == {**facts, "accountId": ACCOUNT}
    assert again[0] == 403
    assert json.loads(again[1])["errorType"] == "Extension.InvalidExtensionState"


def test_the_variables_it_sees_and_those_it_does_not(shared_server: Server) -> None:
    body = "note(dict(os.environ))\nnote(os.getcwd())\nregister()\nnext_event()"
    function = create(
        shared_server,
        READING + "def handler(event, context): return [notes('looks'), context.aws_request_id]",
        Layers=[extensions(shared_server, looks=body)],
        Environment={"Variables": {"MINE": "1"}},
    )
    seen, folder = function.value()[0][:2]
    assert seen["MINE"] == "1"
    assert seen["AWS_LAMBDA_RUNTIME_API"] == "169.254.100.1:9001"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == function.name
    assert {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PATH"} <= seen.keys()
    hidden = {"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "LAMBDA_TASK_ROOT"}
    hidden |= {"LAMBDA_RUNTIME_DIR", "_HANDLER", "_LAMBDA_TELEMETRY_LOG_FD", "PYTHONPATH", "AWS_XRAY_DAEMON_ADDRESS"}
    assert not hidden & seen.keys()
    assert folder == "/"


def test_the_caller_is_answered_before_a_slow_extension_and_the_next_waits_for_it(
    server_of_one_environment: Server,
) -> None:
    server = server_of_one_environment
    body = """
        def work(event):
            if event["eventType"] == "INVOKE":
                while not os.path.exists("/tmp/go"):
                    time.sleep(0.01)
                time.sleep(0.3)
                note("done")
        register("INVOKE")
        until_shutdown(work)
    """
    code = """
        import os, threading, time
        def handler(event, context):
            # Lets the extension go on a good while after the answer has been given.
            threading.Timer(0.5, lambda: open("/tmp/go", "w").close()).start()
            return open("/tmp/slow").read() if os.path.exists("/tmp/slow") else ""
    """
    function = create(server, code, Layers=[extensions(server, slow=body)])
    assert "done" not in call(function).value
    with pytest.raises(function.client.exceptions.TooManyRequestsException):
        function.call()
    assert "done" in call(function).value, "whoever came next found it finished"


def test_output_of_an_extension_is_in_the_log(shared_server: Server) -> None:
    body = 'register("INVOKE")\nuntil_shutdown(lambda event: print("said", event["requestId"], flush=True))'
    slow = READING + "import time\ndef handler(event, context):\n    time.sleep(0.3)"
    function = create(shared_server, slow, Layers=[extensions(shared_server, speaks=body)])
    answer = function.call()
    assert f"said {answer.request_id}\n" in answer.log


def test_an_internal_extension(server_of_one_environment: Server) -> None:
    code = """
        import json, os, threading, urllib.error, urllib.request
        API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
        events = []
        def ask(path, headers, body=None):
            request = urllib.request.Request(API + path, body, headers)
            try:
                with urllib.request.urlopen(request) as answer:
                    return answer.headers, json.load(answer)
            except urllib.error.HTTPError as error:
                return error.code, json.load(error)
        refused = ask("register", {"Lambda-Extension-Name": "inside"}, b'{"events": ["SHUTDOWN"]}')
        told, _ = ask("register", {"Lambda-Extension-Name": "inside"}, b'{"events": ["INVOKE"]}')
        me = {"Lambda-Extension-Identifier": told["Lambda-Extension-Identifier"]}
        def follow():
            while True:
                events.append(ask("event/next", me)[1])
        threading.Thread(target=follow, daemon=True).start()
        def handler(event, context):
            late = ask("register", {"Lambda-Extension-Name": "late"}, b'{"events": []}')
            return {"events": events, "refused": refused[1]["errorType"], "late": late}
    """
    function = create(server_of_one_environment, code)
    first = call(function)
    assert first.value["refused"] == "Extension.InvalidEventType"
    assert (first.value["late"][0], first.value["late"][1]["errorType"]) == (403, "Extension.RegistrationClosed")
    assert call(function).value["events"][0]["requestId"] == first.request_id


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("sys.exit(255)", "Extension.Crash", "exit status 255"),
        ("sys.exit(0)", "Extension.Crash", "exit code 0"),
        ("os.kill(os.getpid(), 9)", "Extension.Crash", "signal: killed"),
        ('register("INVOKE")\nsys.exit(3)', "Extension.Crash", "exit status 3"),
        ('register()\nreport("init", "Mine.Bad")\nsys.exit(1)', "Extension.InitError", "Mine.Bad"),
    ],
)
def test_an_extension_that_ends_while_it_gets_ready(shared_server: Server, body: str, kind: str, text: str) -> None:
    function = create(shared_server, TELLING, Layers=[extensions(shared_server, ends=body)])
    for _ in range(2):
        answer = function.call("ends")
        assert _error(answer) == (kind, f"RequestId: {answer.request_id} Error: {text}")
        assert f"Status: error\tError Type: {kind}" in answer.log


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (b"#!/bin/sh\n", 0o644, "permission denied"),
        (b"no program", 0o755, "exec format error"),
        (b"#!/nowhere\n", 0o755, "no such file or directory"),
    ],
)
def test_a_file_that_cannot_be_executed(shared_server: Server, content: bytes, mode: int, why: str) -> None:
    archive = zips.archive(zips.Item("extensions/broken", content, mode=0o100000 | mode))
    function = create(shared_server, TELLING, Layers=[layer(shared_server, archive)])
    answer = function.call("broken")
    text = f"RequestId: {answer.request_id} Error: fork/exec /opt/extensions/broken: {why}"
    assert _error(answer) == ("Extension.LaunchError", text)


def test_more_than_ten_are_refused(shared_server: Server) -> None:
    names = {f"e{number}": b"#!/bin/sh\nsleep 60\n" for number in range(11)}
    function = create(shared_server, TELLING, Layers=[extensions(shared_server, **names)])
    answer = function.call("none")
    assert _error(answer)[0] == "Extension.LaunchError"


def test_folders_among_extensions_are_passed_over(shared_server: Server) -> None:
    archive = zips.archive(zips.folder("extensions/data"), zips.Item("extensions/data/file", b"x"))
    function = create(shared_server, "def handler(event, context): return 1", Layers=[layer(shared_server, archive)])
    assert function.value() == 1


def test_a_crash_in_the_middle_ends_the_invocation_and_the_next_finds_everything_new(
    server_of_one_environment: Server,
) -> None:
    server = server_of_one_environment
    body = """
        def work(event):
            while not os.path.exists("/tmp/crash"):
                time.sleep(0.01)
            asked = open("/tmp/crash").read()
            os.unlink("/tmp/crash")
            if asked == "now":
                os._exit(7)
        register("INVOKE")
        until_shutdown(work)
    """
    code = """
        import os, time
        count = 0
        def handler(event, context):
            global count
            count += 1
            with open("/tmp/new", "w") as file:
                file.write(event)
            os.rename("/tmp/new", "/tmp/crash")
            if event == "now":
                open("/tmp/kept", "w").close()
                time.sleep(5)
            return [count, os.path.exists("/tmp/kept")]
    """
    function = create(server, code, Layers=[extensions(server, fragile=body)])
    assert call(function, "not yet").value == [1, False]
    answer = call(function, "now")
    assert _error(answer) == ("Extension.Crash", f"RequestId: {answer.request_id} Error: exit status 7")
    assert call(function, "not yet").value == [1, True]


def test_an_exit_error_ends_it_too(shared_server: Server) -> None:
    body = """
        register("INVOKE")
        next_event()
        note(report("exit", "Mine.Gone"))
        sys.exit(1)
    """
    function = create(
        shared_server, "import time\ndef handler(e, c): time.sleep(5)", Layers=[extensions(shared_server, leaves=body)]
    )
    answer = function.call()
    assert _error(answer) == ("Extension.ExitError", f"RequestId: {answer.request_id} Error: Mine.Gone")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "Extension.MissingExtensionIdentifier"),
        ({"Lambda-Extension-Identifier": "x"}, "Extension.InvalidExtensionIdentifier"),
        (
            {"Lambda-Extension-Identifier": "00000000-0000-0000-0000-000000000000"},
            "Extension.UnknownExtensionIdentifier",
        ),
    ],
)
def test_whoever_has_no_identifier_is_told_nothing(
    shared_server: Server, headers: dict[str, str], expected: str
) -> None:
    code = """
        import json, os, urllib.error, urllib.request
        def handler(headers, context):
            url = "http://%s/2020-01-01/extension/event/next" % os.environ["AWS_LAMBDA_RUNTIME_API"]
            try:
                urllib.request.urlopen(urllib.request.Request(url, headers=headers))
            except urllib.error.HTTPError as error:
                return error.code, json.load(error)["errorType"]
    """
    assert create(shared_server, code).value(headers) == [403, expected]


def test_a_bash_script_can_be_one(shared_server: Server) -> None:
    script = rb"""#!/bin/bash
set -euo pipefail
api="http://${AWS_LAMBDA_RUNTIME_API}/2020-01-01/extension"
exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API%:*}/${AWS_LAMBDA_RUNTIME_API#*:}"
body='{"events": ["INVOKE"]}'
printf 'POST %s HTTP/1.1\r\nHost: x\r\nLambda-Extension-Name: %s\r\nContent-Length: %d\r\n\r\n%s' \
    /2020-01-01/extension/register "${0##*/}" "${#body}" "$body" >&3
while read -r line <&3; line="${line%$'\r'}"; [ -n "$line" ]; do
    case "$line" in
        Content-Length:*) length="${line#*: }" ;;
        Lambda-Extension-Identifier:*) me="${line#*: }" ;;
    esac
done
read -r -N "$length" _ <&3
while :; do
    printf 'GET %s HTTP/1.1\r\nHost: x\r\nLambda-Extension-Identifier: %s\r\n\r\n' \
        /2020-01-01/extension/event/next "$me" >&3
    while read -r line <&3; line="${line%$'\r'}"; [ -n "$line" ]; do
        case "$line" in Content-Length:*) length="${line#*: }" ;; esac
    done
    read -r -N "$length" event <&3
    printf '%s\n' "$event" >>/tmp/bashful
done
"""
    function = create(shared_server, TELLING, Layers=[extensions(shared_server, bashful=script)])
    function.value("bashful")
    assert wait_until(lambda: _kinds(function.value("bashful")))[0] == "INVOKE"
