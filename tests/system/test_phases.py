"""How environments with extensions begin, time out, are reset and end, and what each of them is told."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from tests.support.extensions import READING, call, extensions
from tests.support.functions import Function, create, wait_until
from tests.support.server import Server

SAYING = """
    register("INVOKE", "SHUTDOWN")
    until_shutdown(lambda event: print(NAME, json.dumps(event), flush=True))
    print(NAME, "is done", flush=True)
"""
ECHO = "def handler(event, context): return event"


def messages(function: Function) -> str:
    """All that is in the function's log."""
    logs = function.server.client("logs")
    found: list[str] = []
    try:
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function.name}"):
            found += [event["message"] for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return ""
    return "\n".join(found)


def shutdown(text: str, name: str) -> dict[str, Any] | None:
    """The SHUTDOWN event that the extension *name* has said it was told of."""
    found = re.search(rf'{name} (\{{"eventType": "SHUTDOWN".*\}})', text)
    return None if found is None else json.loads(found[1])


def test_an_idle_environment_that_ends_tells_its_extensions(tmp_path: Path) -> None:
    with Server.started(tmp_path / "state", {"LAMBDA_KEEPALIVE_MS": "1000"}) as server:
        function = create(server, ECHO, Layers=[extensions(server, told=SAYING)])
        function.value(1)
        event = wait_until(lambda: shutdown(messages(function), "told"), 20)
        assert event["shutdownReason"] == "spindown"
        assert 0 < event["deadlineMs"] / 1000 - time.time() + 20 < 25
        assert wait_until(lambda: "told is done" in messages(function))


def test_an_environment_that_an_update_retires_ends_gracefully(shared_server: Server) -> None:
    function = create(shared_server, ECHO, Layers=[extensions(shared_server, told=SAYING)])
    function.value(1)
    function.update(Description="another environment from here on")
    wait_until(lambda: function.settled)
    assert function.value(2) == 2
    assert wait_until(lambda: shutdown(messages(function), "told"), 20)["shutdownReason"] == "spindown"


def test_a_server_that_stops_lets_extensions_end(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Server.started(state) as server:
        function = create(server, ECHO, Layers=[extensions(server, told=SAYING)])
        function.value(1)
    with Server.started(state) as server:
        text = messages(function.on(server))
    event = shutdown(text, "told")
    assert event is not None
    assert event["shutdownReason"] == "spindown"
    assert "told is done" in text


def test_a_server_that_stops_waits_two_seconds_and_no_more(tmp_path: Path) -> None:
    stubborn = """
        register("INVOKE", "SHUTDOWN")
        while True:
            if next_event()["eventType"] == "SHUTDOWN":
                print("stays", flush=True)
                for count in range(600):
                    time.sleep(0.1)
                    print("still", count, flush=True)
    """
    state = tmp_path / "state"
    with Server.started(state) as server:
        function = create(server, ECHO, Layers=[extensions(server, stubborn=stubborn)])
        function.value(1)
    with Server.started(state) as server:
        text = messages(function.on(server))
    assert "stays" in text
    assert "still 3" in text
    assert "still 30" not in text


TERMINATED = """
    import os, signal, sys, time
    def goodbye(number, frame):
        print("runtime got", number, flush=True)
        with open("/tmp/terminated", "a") as file:
            file.write("x")
        sys.exit(0)
    signal.signal(signal.SIGTERM, goodbye)
    def handler(event, context):
        return os.path.exists("/tmp/terminated")
"""


def test_a_runtime_gets_sigterm_where_an_extension_is_registered(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Server.started(state) as server:
        with_one = create(server, TERMINATED, Layers=[extensions(server, plain="register()\nnext_event()")])
        without = create(server, TERMINATED)
        assert with_one.value() is False
        assert without.value() is False
    with Server.started(state) as server:
        assert "runtime got 15" in messages(with_one.on(server))
        assert "runtime got" not in messages(without.on(server))


def test_after_a_timeout_extensions_are_told_and_all_begins_anew_with_the_same_tmp(
    server_of_one_environment: Server,
) -> None:
    server = server_of_one_environment
    noting = 'note("starts")\nregister("INVOKE", "SHUTDOWN")\nuntil_shutdown()'
    code = (
        READING
        + """
import time
def handler(event, context):
    if event == "sleep":
        time.sleep(60)
    return notes("noting")
"""
    )
    function = create(server, code, Layers=[extensions(server, noting=noting)], Timeout=1)
    answer = call(function, "sleep")
    assert answer.value["errorType"] == "Sandbox.Timedout"
    assert answer.report()["Status"] == "timeout"
    notes = call(function, "look").value
    assert notes[0] == "starts"
    assert [note["eventType"] for note in notes[1:3]] == ["INVOKE", "SHUTDOWN"]
    assert notes[2]["shutdownReason"] == "timeout"
    assert notes[3] == "starts"
    assert call(function, "look").value[4]["eventType"] == "INVOKE"


def test_after_a_crash_of_the_runtime_the_reason_is_failure(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    noting = 'register("INVOKE", "SHUTDOWN")\nuntil_shutdown()'
    code = READING + "def handler(event, context):\n    if event: os._exit(3)\n    return notes('noting')\n"
    function = create(server, code, Layers=[extensions(server, noting=noting)])
    answer = call(function, "die")
    text = f"RequestId: {answer.request_id} Error: Runtime exited with error: exit status 3"
    assert answer.value == {"errorType": "Runtime.ExitError", "errorMessage": text}
    events = call(function).value
    assert (events[1]["eventType"], events[1]["shutdownReason"]) == ("SHUTDOWN", "failure")


def test_an_extension_that_takes_too_long_over_an_event_times_out(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    slow = """
        register("INVOKE", "SHUTDOWN")
        note("starts")
        while True:
            event = next_event()
            note(event)
            if event["eventType"] == "SHUTDOWN":
                break
            # It may hear of the event before the function does, which says how long it is to take.
            while not os.path.exists("/tmp/" + event["requestId"]):
                time.sleep(0.01)
            if open("/tmp/" + event["requestId"]).read() == "slow":
                time.sleep(60)
    """
    code = (
        READING
        + """
def handler(event, context):
    with open("/tmp/told", "w") as file:
        file.write(str(event))
    os.rename("/tmp/told", "/tmp/" + context.aws_request_id)
    return notes("slow")
"""
    )
    function = create(server, code, Layers=[extensions(server, slow=slow)], Timeout=2)
    assert call(function).error is None
    answer = call(function, "slow")
    assert answer.error is None, "the caller has its answer"
    notes = call(function).value
    assert notes.count("starts") == 2, "but everything was started anew"


def test_what_an_extension_may_take_to_start_counts_and_a_slow_one_begins_again_with_the_event(
    server_of_one_environment: Server,
) -> None:
    server = server_of_one_environment
    slow = """
        note("starts")
        if not os.path.exists("/tmp/once"):
            open("/tmp/once", "w").close()
            time.sleep(60)
        register("INVOKE")
        until_shutdown()
    """
    code = READING + "def handler(event, context): return notes('slow')"
    function = create(server, code, Layers=[extensions(server, slow=slow)], Timeout=20)
    answer = call(function)
    assert answer.value.count("starts") == 2
    assert "INIT_REPORT Init Duration: 10" in messages(function)
    assert re.search(r"Phase: init\tStatus: timeout", messages(function))
    assert "Init Duration" not in answer.report()


def test_a_failed_start_in_the_middle_of_an_event_is_reported_as_such(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    fails = """
        if os.path.exists("/tmp/fail"):
            sys.exit(9)
        register("INVOKE")
        until_shutdown()
    """
    code = "import os\ndef handler(event, context):\n    open('/tmp/fail', 'w').close()\n    os._exit(1)"
    function = create(server, code, Layers=[extensions(server, fails=fails)])
    assert call(function).value["errorType"] == "Runtime.ExitError"
    answer = call(function)
    assert answer.value == {
        "errorType": "Extension.Crash",
        "errorMessage": f"RequestId: {answer.request_id} Error: exit status 9",
    }
    assert "Phase: invoke\tStatus: error\tError Type: Extension.Crash" in answer.log


def test_between_events_an_extension_is_stopped_too(server_of_one_environment: Server) -> None:
    server = server_of_one_environment
    ticking = """
        def tick():
            while True:
                with open("/tmp/ticks", "a") as file:
                    file.write("x")
                time.sleep(0.01)
        threading.Thread(target=tick, daemon=True).start()
        register("INVOKE")
        until_shutdown()
    """
    code = "import os\ndef handler(event, context): return os.path.getsize('/tmp/ticks')"
    function = create(server, code, Layers=[extensions(server, ticking=ticking)])
    first = call(function).value
    time.sleep(1.5)
    assert call(function).value - first < 60, "150 would be one for every hundredth of a second"
