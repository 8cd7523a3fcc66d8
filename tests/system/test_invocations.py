"""Invoking a function: what comes back, what is logged, and how each way to fail is told."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.functions import Function, archive, client_of, create, unique, wait_until
from tests.support.runtimes import NEWEST
from tests.support.server import ACCOUNT, REGION, ROLE, Server

ECHO = "def handler(event, context): return event"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.mark.parametrize("event", [{"a": 'q"ü[😀'}, [], [1, None], "text", 1.5, True, None, {}])
def test_any_json_goes_in_and_comes_out(shared_server: Server, event: Any) -> None:
    echo = create(shared_server, ECHO)
    answer = echo.call(event)
    assert answer.error is None
    assert answer.value == event


def test_no_payload_is_an_empty_object_and_no_result_is_null(shared_server: Server) -> None:
    silent = create(shared_server, "def handler(event, context): assert event == {}")
    response = silent.client.invoke(FunctionName=silent.name)
    assert (response["StatusCode"], response["Payload"].read()) == (200, b"null")
    assert response["ExecutedVersion"] == "$LATEST"
    assert "LogResult" not in response


REMEMBERING = """
import os
def handler(event, context):
    if event == "look":
        return open("/tmp/seen").read().split() if os.path.exists("/tmp/seen") else []
    with open("/tmp/seen", "a") as file:
        file.write(context.aws_request_id + " ")
    if event == "fail":
        raise ValueError
"""


def _seen(function: Function, request_ids: list[str]) -> bool:
    """Whether its only environment saw just these; False also while that is busy with one of them."""
    try:
        return bool(function.value("look") == request_ids)
    except function.client.exceptions.TooManyRequestsException:
        return False


@pytest.mark.parametrize(("event", "runs"), [("succeed", 1), ("fail", 3)])
def test_an_event_is_accepted_and_run_until_it_succeeds(
    server_of_one_environment: Server, event: str, runs: int
) -> None:
    function = create(server_of_one_environment, REMEMBERING)
    response = function.client.invoke(
        FunctionName=function.name, InvocationType="Event", Payload=json.dumps(event).encode()
    )
    assert (response["StatusCode"], response["Payload"].read()) == (202, b"")
    assert "ExecutedVersion" not in response
    expected = [response["ResponseMetadata"]["RequestId"]] * runs
    wait_until(lambda: _seen(function, expected), 30, f"{runs} runs", every=0.3)


def test_a_dry_run_runs_nothing(shared_server: Server) -> None:
    function = create(shared_server, "runs = []\ndef handler(e, c):\n    runs.append(e)\n    return runs")
    function.value(1)
    response = function.client.invoke(FunctionName=function.name, InvocationType="DryRun", Payload=b"2")
    assert response["StatusCode"] == 204
    assert function.value(3) == [1, 3]


def test_the_tail_of_the_log(shared_server: Server) -> None:
    speaking = create(shared_server, "print('import')\ndef handler(event, context):\n    print('hello')\n    return 1")
    cold, warm = speaking.call(), speaking.call()
    id_ = re.escape(cold.request_id)
    assert re.fullmatch(
        rf"(import\n)?START RequestId: {id_} Version: \$LATEST\n(import\n)?hello\nEND RequestId: {id_}\n"
        rf"REPORT RequestId: {id_}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\t"
        r"Max Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t\n",
        cold.log,
    )
    assert "Init Duration" not in warm.log
    assert warm.log.endswith(" MB\t\n")
    assert "import" not in warm.log
    assert re.fullmatch(UUID, warm.request_id)
    assert warm.request_id != cold.request_id


def test_only_the_last_four_kilobytes_are_told(shared_server: Server) -> None:
    verbose = create(shared_server, "def handler(e, c):\n    for i in range(2000): print('line', i)")
    log = verbose.call().log
    assert len(log) == 4096
    assert "line 1999\nEND RequestId" in log
    assert "START" not in log


def test_logging_has_the_form_of_aws(shared_server: Server) -> None:
    logging = create(
        shared_server,
        "import logging\nlogging.getLogger().setLevel('INFO')\ndef handler(e, c):\n    logging.info('two\\nlines')",
    )
    answer = logging.call()
    pattern = rf"\[INFO\]\t\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z\t{answer.request_id}\ttwo\nlines\n"
    assert re.search(pattern, answer.log)


def _error(answer: Any) -> tuple[str, str]:
    assert answer.error == "Unhandled"
    assert answer.version == "$LATEST"
    return answer.value["errorType"], answer.value["errorMessage"]


def _used_mb(answer: Any) -> int:
    return int(answer.report()["Max Memory Used"].removesuffix(" MB"))


def test_an_exception(shared_server: Server) -> None:
    failing = create(
        shared_server, "class Custom(Exception): pass\ndef handler(event, context):\n    raise Custom('no ü')\n"
    )
    answer = failing.call()
    assert list(answer.value) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert _error(answer) == ("Custom", "no ü")
    assert answer.value["requestId"] == answer.request_id
    assert answer.value["stackTrace"] == [
        "  File \"/var/task/index.py\", line 3, in handler\n    raise Custom('no ü')\n"
    ]
    assert "[ERROR] Custom: no ü\nTraceback (most recent call last):\n\xa0\xa0File" in answer.log


@pytest.mark.parametrize(
    ("code", "handler", "expected"),
    [
        (
            "import nowhere_to_be_found",
            "index.handler",
            (
                "Runtime.ImportModuleError",
                "Unable to import module 'index': No module named 'nowhere_to_be_found'",
            ),
        ),
        (
            "x = 1",
            "missing.handler",
            ("Runtime.ImportModuleError", "Unable to import module 'missing': No module named 'missing'"),
        ),
        ("x = 1", "index.handler", ("Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'")),
        (
            "x = 1",
            "index",
            ("Runtime.MalformedHandlerName", "Bad handler 'index': not enough values to unpack (expected 2, got 1)"),
        ),
        ("def handler(:", "index.handler", ("Runtime.UserCodeSyntaxError", None)),
        ("1 / 0", "index.handler", ("ZeroDivisionError", "division by zero")),
        (
            "def handler(e, c): return object()",
            "index.handler",
            (
                "Runtime.MarshalError",
                "Unable to marshal response: Object of type object is not JSON serializable",
            ),
        ),
    ],
)
def test_what_the_runtime_reports(
    shared_server: Server, code: str, handler: str, expected: tuple[str, str | None]
) -> None:
    failing = create(shared_server, code, Handler=handler)
    for _ in range(2):
        kind, message = _error(failing.call())
        assert kind == expected[0]
        assert message == expected[1] or (expected[1] is None and message.startswith("Syntax error in module 'index'"))


def test_an_error_while_importing_has_an_empty_request_id(shared_server: Server) -> None:
    answer = create(shared_server, "raise RuntimeError('import')").call()
    assert _error(answer) == ("RuntimeError", "import")
    assert answer.value["requestId"] == ""
    assert "Status: error\tError Type: RuntimeError" in answer.log


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(7)", "Runtime exited with error: exit status 7"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
        ("ctypes.string_at(0)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
@pytest.mark.parametrize("when", ["import", "handler"])
def test_a_process_that_ends(shared_server: Server, end: str, text: str, when: str) -> None:
    head = "import ctypes, os, sys\n"
    ending = create(shared_server, f"{head}{end}" if when == "import" else f"{head}def handler(e, c): {end}")
    for _ in range(2):
        answer = ending.call()
        assert _error(answer) == ("Runtime.ExitError", f"RequestId: {answer.request_id} Error: {text}")
        assert list(answer.value) == ["errorType", "errorMessage"]
        assert answer.log.count("\nREPORT ") == 1
        assert _used_mb(answer) > 5


def test_an_environment_is_used_again_after_its_process_ended(shared_server: Server) -> None:
    mortal = create(
        shared_server,
        "import os\nn = 0\ndef handler(e, c):\n    global n\n    n += 1\n    if e: os._exit(1)\n    return n\n",
    )
    assert mortal.value() == 1
    assert mortal.value() == 2
    assert mortal.call("die").error
    assert mortal.value() == 1


def test_a_timeout_keeps_tmp_and_renews_the_module(shared_server: Server) -> None:
    slow = create(
        shared_server,
        """
        import os, time
        count = 0
        def handler(event, context):
            global count
            count += 1
            with open("/tmp/calls", "a") as file:
                file.write("x")
            print("before", flush=True)
            if event == "sleep":
                time.sleep(60)
                print("after")
            return count, os.path.getsize("/tmp/calls")
        """,
        Timeout=1,
    )
    assert slow.value() == [1, 1]
    assert slow.value() == [2, 2]
    answer = slow.call("sleep")
    assert _error(answer) == (
        "Sandbox.Timedout",
        f"RequestId: {answer.request_id} Error: Task timed out after 1.00 seconds",
    )
    assert list(answer.value) == ["errorType", "errorMessage"]
    assert "before" in answer.log
    assert "after\n" not in answer.log
    assert re.search(rf"\d{{4}}-\S+Z {answer.request_id} Task timed out after 1\.00 seconds\n", answer.log)
    assert answer.report()["Duration"] == "1000.00 ms"
    assert answer.report()["Status"] == "timeout"
    assert _used_mb(answer) > 5
    assert slow.value() == [1, 4]


def test_initialising_does_not_count_towards_the_timeout(shared_server: Server) -> None:
    late = create(
        shared_server, "import time\ntime.sleep(1.5)\ndef handler(e, c): return c.get_remaining_time_in_millis()"
    )
    late.update(Timeout=1)
    answer = late.call()
    assert answer.error is None, answer.raw
    assert 500 < answer.value <= 1000
    assert float(answer.report()["Init Duration"].removesuffix(" ms")) >= 1500


def test_an_answer_over_six_megabytes(shared_server: Server) -> None:
    large = create(shared_server, "def handler(size, context):\n    print('ran')\n    return 'x' * (size - 2)")
    assert len(large.call(6 * 1024 * 1024 + 100).raw) == 6291556
    for _ in range(2):
        answer = large.call(6 * 1024 * 1024 + 101)
        assert answer.raw == (
            b'{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).",'
            b'"errorType":"Function.ResponseSizeTooLarge"}'
        )
        assert answer.error == "Unhandled"
        assert "ran\n" in answer.log
    assert large.call(12).value == "x" * 10


def test_a_request_over_six_megabytes_is_refused_before_it_runs(shared_server: Server) -> None:
    counting = create(shared_server, "n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    return n")
    assert counting.value("x" * (6 * 1024 * 1024 - 2)) == 1
    with pytest.raises(ClientError) as caught:
        counting.call("x" * (6 * 1024 * 1024 - 1))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert caught.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    with pytest.raises(ClientError) as caught:
        counting.call("x" * (1024 * 1024), InvocationType="Event", LogType="None")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert counting.value() == 2


@pytest.mark.parametrize("payload", [b"nonsense", b"\x99\xeb", b"n\x87", b'{"a":', b"[" * 100_000])
def test_what_is_no_json_is_refused(shared_server: Server, payload: bytes) -> None:
    echo = create(shared_server, ECHO)
    with pytest.raises(ClientError) as caught:
        echo.client.invoke(FunctionName=echo.name, Payload=payload)
    assert caught.value.response["Error"]["Code"] == "InvalidRequestContentException"
    assert caught.value.response["Error"]["Message"].startswith("Could not parse request body into json: ")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_unknown_function(shared_server: Server) -> None:
    name = unique()
    with pytest.raises(ClientError) as caught:
        client_of(shared_server).invoke(FunctionName=name)
    assert caught.value.response["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": f"Function not found: arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}:$LATEST",
    }


CONTEXT = """
def handler(event, context):
    return {
        "aws_request_id": context.aws_request_id, "function_name": context.function_name,
        "function_version": context.function_version, "invoked_function_arn": context.invoked_function_arn,
        "memory_limit_in_mb": context.memory_limit_in_mb, "log_group_name": context.log_group_name,
        "log_stream_name": context.log_stream_name, "remaining": context.get_remaining_time_in_millis(),
        "client": context.client_context and [context.client_context.custom, context.client_context.client.app_title],
    }
"""


def test_the_context(shared_server: Server) -> None:
    function = create(shared_server, CONTEXT, Timeout=7)
    answer = function.call()
    told = answer.value
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", told.pop("log_stream_name"))
    assert 5000 < told.pop("remaining") <= 7000
    assert told == {
        "aws_request_id": answer.request_id,
        "function_name": function.name,
        "function_version": "$LATEST",
        "invoked_function_arn": arn,
        "memory_limit_in_mb": "256",
        "log_group_name": f"/aws/lambda/{function.name}",
        "client": None,
    }
    qualified = function.call(Qualifier="$LATEST")
    assert qualified.value["invoked_function_arn"] == f"{arn}:$LATEST"


def test_the_client_context(shared_server: Server) -> None:
    function = create(shared_server, CONTEXT)
    sent = {"custom": {"k": "ü"}, "client": {"app_title": "title"}, "env": {}}
    encoded = base64.b64encode(json.dumps(sent).encode()).decode()
    answer = function.call(ClientContext=encoded)
    assert answer.value["client"] == [{"k": "ü"}, "title"]


def test_module_state_is_kept_while_the_environment_is_warm(shared_server: Server) -> None:
    counting = create(shared_server, "n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    return n")
    assert [counting.value() for _ in range(5)] == [1, 2, 3, 4, 5]


def test_another_account_and_region_know_nothing_of_it(shared_server: Server) -> None:
    function = create(shared_server, ECHO)
    for options in ({"account": "111122223333"}, {"region": "eu-west-1"}):
        other = shared_server.client(**options)
        with pytest.raises(ClientError) as caught:
            other.invoke(FunctionName=function.name)
        assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_the_account_is_what_the_function_sees(shared_server: Server) -> None:
    client = shared_server.client(account="111122223333", region="eu-west-1")
    name = unique()
    code = "import os\ndef handler(e, c): return c.invoked_function_arn, os.environ['AWS_REGION']"
    client.create_function(
        FunctionName=name, Runtime=NEWEST, Handler="index.handler", Role=ROLE, Code={"ZipFile": archive(code)}
    )
    told = json.loads(client.invoke(FunctionName=name)["Payload"].read())
    assert told == [f"arn:aws:lambda:eu-west-1:111122223333:function:{name}", "eu-west-1"]
