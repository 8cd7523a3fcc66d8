"""Telemetry as an extension receives it, from a listener of its own inside the environment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.extensions import READING, call, extensions
from tests.support.functions import create, wait_until
from tests.support.server import Server

# Says something, and gives what its extension has received so far.
TELLING = READING + "import sys\ndef handler(event, context):\n    print('hello', event)\n    return notes('ears')\n"
LISTENING = 'listen(8080)\nregister("INVOKE", "SHUTDOWN")\nnote(subscribe(8080))\nuntil_shutdown(FINISH)'
# Goes on only when the runtime is known to be done with the event, as such extensions do.
FINISHING = """
def FINISH(event):
    if event["eventType"] == "INVOKE":
        while not any(each[0] == "telemetry" and each[1]["type"] == "platform.runtimeDone"
                      and each[1]["record"]["requestId"] == event["requestId"]
                      for each in map(json.loads, open("/tmp/" + NAME)) if isinstance(each, list)):
            time.sleep(0.01)
"""


def told(notes: list[Any], kind: str = "") -> list[dict[str, Any]]:
    """The telemetry among what an extension noted, of one type or of all."""
    events = [note[1] for note in notes if isinstance(note, list) and note[0] == "telemetry"]
    return [event for event in events if not kind or event["type"] == kind]


def of(events: list[dict[str, Any]], request_id: str) -> list[dict[str, Any]]:
    return [
        event
        for event in events
        if isinstance(event["record"], dict) and event["record"].get("requestId") == request_id
    ]


def test_the_events_of_an_environment_in_their_order(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    function = create(server, TELLING, Layers=[extensions(server, ears=FINISHING + LISTENING)])
    first = call(function, "first")
    call(function, "second")
    notes = call(function, "third").value
    assert [200, "OK"] in notes
    events = told(notes)
    assert all(set(event) == {"time", "type", "record"} for event in events)
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)
    kinds = [event["type"] for event in events if event["type"] not in ("extension", "function")]
    # It subscribes while the runtime gets ready: which is done first is chance.
    assert "platform.telemetrySubscription" in kinds[1:3]
    kinds.remove("platform.telemetrySubscription")
    assert kinds[:7] == [
        "platform.initStart",
        "platform.initRuntimeDone",
        "platform.extension",
        "platform.initReport",
        "platform.start",
        "platform.runtimeDone",
        "platform.report",
    ]
    by_kind = {event["type"]: event["record"] for event in reversed(events)}
    assert by_kind["platform.initStart"].items() >= {"initializationType": "on-demand", "phase": "init"}.items()
    assert by_kind["platform.telemetrySubscription"] == {
        "name": "ears",
        "state": "Subscribed",
        "types": ["platform", "function", "extension"],
    }
    assert by_kind["platform.initRuntimeDone"]["status"] == "success"
    assert by_kind["platform.initReport"]["metrics"]["durationMs"] > 0
    assert by_kind["platform.extension"] == {"name": "ears", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}
    start, done, report = of(events, first.request_id)
    assert start["record"]["version"] == "$LATEST"
    assert start["record"]["tracing"]["type"] == "X-Amzn-Trace-Id"
    assert done["record"]["metrics"]["producedBytes"] == len(first.raw)
    assert done["record"]["status"] == report["record"]["status"] == "success"
    assert report["record"]["metrics"].keys() == {
        "durationMs",
        "billedDurationMs",
        "memorySizeMB",
        "maxMemoryUsedMB",
        "initDurationMs",
    }


def test_lines_of_the_function_and_messages_of_its_logger(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    code = (
        READING
        + """
import logging, sys
def handler(event, context):
    print("a line")
    print("ünicode")
    print("to stderr", file=sys.stderr)
    logging.getLogger().error("one message\\nof two lines")
    return notes("ears")
"""
    )
    function = create(server, code, Layers=[extensions(server, ears=FINISHING + LISTENING)])
    call(function)
    records = [event["record"] for event in told(call(function).value, "function")]
    assert records[:2] == ["a line\n", "ünicode\n"]
    assert "to stderr\n" in records
    assert any("one message\nof two lines" in record for record in records)


def test_what_the_extension_itself_says(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    speaking = 'print("it speaks", flush=True)\n' + FINISHING + LISTENING
    function = create(server, TELLING, Layers=[extensions(server, ears=speaking)])
    call(function)
    assert [event["record"] for event in told(call(function).value, "extension")] == ["it speaks\n"]


def test_only_what_was_asked_for(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    listening = LISTENING.replace("subscribe(8080)", 'subscribe(8080, ["function"])').replace("FINISH", "")
    function = create(server, TELLING, Layers=[extensions(server, ears=listening + "\n")])
    call(function)
    events = wait_until(lambda: told(call(function).value))
    assert {event["type"] for event in events} == {"function"}


def test_structured_logs_are_records_of_their_own(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    code = (
        READING
        + """
import json
def handler(event, context):
    print(json.dumps({"level": "INFO", "message": {"deep": [1]}}))
    return notes("ears")
"""
    )
    function = create(
        server, code, Layers=[extensions(server, ears=FINISHING + LISTENING)], LoggingConfig={"LogFormat": "JSON"}
    )
    call(function)
    assert {"level": "INFO", "message": {"deep": [1]}} in [
        event["record"] for event in told(call(function).value, "function")
    ]


def test_a_failing_and_a_dying_function(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    code = (
        READING
        + """
def handler(event, context):
    if event == "raise":
        raise ValueError
    if event == "exit":
        os._exit(4)
    return notes("ears")
"""
    )
    body = LISTENING.replace("FINISH", "")
    function = create(server, code, Layers=[extensions(server, ears=body)])
    raised, exited = call(function, "raise"), call(function, "exit")
    events = told(call(function).value, "platform.runtimeDone")
    assert [event["record"]["status"] for event in of(events, raised.request_id)] == ["failure"]
    (record,) = [event["record"] for event in of(events, exited.request_id)]
    assert (record["status"], record["errorType"]) == ("error", "Runtime.ExitError")


def test_the_older_logs_api(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    body = """
        listen(8080)
        register("INVOKE")
        destination = {"protocol": "HTTP", "URI": "http://sandbox:8080/logs", "method": "PUT"}
        note(subscribe(8080, ["platform", "function"], "/2020-08-15/logs", destination=destination))
        note(subscribe(8080)[1])
        until_shutdown(lambda event: time.sleep(0.2))
    """
    function = create(server, TELLING, Layers=[extensions(server, ears=body)])
    first = call(function, "one")
    notes = call(function, "two").value
    assert notes[0] == [200, "OK"]
    assert "cannot go together" in notes[1]["errorMessage"]
    events = told(notes)
    kinds = [event["type"] for event in events]
    assert kinds[0] == "platform.logsSubscription"
    assert not {"platform.initStart", "platform.runtimeDone"} & set(kinds)
    start, end, report = of(events, first.request_id)
    assert start["record"] == {"requestId": first.request_id, "version": "$LATEST"}
    assert (end["type"], end["record"]) == ("platform.end", {"requestId": first.request_id})
    assert report["record"].keys() == {"requestId", "metrics"}


def test_plain_tcp(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    body = """
        import socket
        listener = socket.create_server(("", 9999))
        def take():
            while True:
                with listener.accept()[0] as connection, connection.makefile() as lines:
                    for line in lines:
                        note("telemetry", json.loads(line))
        threading.Thread(target=take, daemon=True).start()
        register("INVOKE")
        note(subscribe(0, ["function"], destination={"protocol": "TCP", "port": 9999}))
        until_shutdown(lambda event: time.sleep(0.2))
    """
    function = create(server, TELLING, Layers=[extensions(server, ears=body)])
    call(function, "over tcp")
    assert [event["record"] for event in told(call(function).value)] == ["hello over tcp\n"]


def test_before_it_ends_it_is_told_the_rest(tmp_path: Any) -> None:
    # What waits for its time is sent when there is no more time.
    body = """
        listen(8080)
        register("INVOKE", "SHUTDOWN")
        subscribe(8080, ["function"], buffering={"timeoutMs": 30000})
        until_shutdown()
        for event in map(json.loads, open("/tmp/ears")):
            print("heard", json.dumps(event), flush=True)
    """
    state = tmp_path / "state"
    with Server.started(state) as server:
        function = create(server, TELLING, Layers=[extensions(server, ears=body)])
        function.value("at last")
    with Server.started(state) as server:
        events = server.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function.name}")["events"]
    assert any("hello at last" in event["message"] and "heard" in event["message"] for event in events)


def test_a_listener_that_fails_at_first_is_tried_again(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    body = """
        register("INVOKE")
        subscribe(8080, ["function"])
        def late():
            time.sleep(0.3)
            listen(8080)
        threading.Thread(target=late, daemon=True).start()
        until_shutdown(lambda event: time.sleep(1))
    """
    function = create(server, TELLING, Layers=[extensions(server, ears=body)])
    call(function, "early")
    assert "hello early\n" in [event["record"] for event in told(call(function).value)]


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"types": []}, "types should not be empty"),
        ({"schemaVersion": "2020-01-01"}, "schemaVersion"),
        ({"destination": {"protocol": "HTTP", "URI": "http://169.254.169.254:80/"}}, "sandbox.localdomain"),
        ({"destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain/"}}, "port is not provided"),
        ({"destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:9001/"}}, "reserved"),
        ({"buffering": {"timeoutMs": 1}}, "timeoutMs must be between 25 and 30000"),
        ({"buffering": {"maxItems": 999}}, "maxItems"),
        ({"buffering": {"maxBytes": 2**30}}, "maxBytes"),
    ],
)
def test_what_is_wrong_with_a_subscription(shared_server: Server, request_: dict[str, Any], complaint: str) -> None:
    body = f"""
        register("INVOKE")
        note(subscribe(8080, **json.loads({json.dumps(json.dumps(request_))})))
        until_shutdown()
    """
    function = create(shared_server, TELLING, Layers=[extensions(shared_server, ears=body)])
    status, refused = function.value()[0]
    assert (status, refused["errorType"]) == (400, "ValidationError")
    assert complaint in refused["errorMessage"]


def test_it_is_too_late_once_all_are_ready(shared_server: Server) -> None:
    body = """
        register("INVOKE")
        next_event()
        note(subscribe(8080))
        until_shutdown()
    """
    code = TELLING.replace("return notes", "import time\n    time.sleep(0.5)\n    return notes")
    function = create(shared_server, code, Layers=[extensions(shared_server, ears=body)])
    status, refused = function.value()[0]
    assert (status, refused["errorType"]) == (403, "Telemetry.SubscriptionClosed")
