"""Invoke: who is meant, what is refused before anything runs, and what the caller is answered."""

from __future__ import annotations

import asyncio
import base64
import json
import platform
import re
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from lamina.catalog.queues import Event
from lamina.errors import ApiError
from lamina.functions.versions import FunctionVersion
from lamina.invocations import lineage
from lamina.invocations.calls import Outcome
from lamina.names import Scope
from lamina.operations.call import Call
from lamina.operations.recursion import RecursionOperations
from lamina.worker.worker import Throttled
from lamina.worker.zygotes import SandboxFailed

from .house import CODE, HERE, House, zipped

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f"
NATIVE = "arm64" if platform.machine() == "aarch64" else "x86_64"
FOREIGN = "x86_64" if NATIVE == "arm64" else "arm64"


def invoke(house: House, name: str = "f", *, headers: Mapping[str, str] | None = None, **request: Any) -> Any:
    call = Call("request-id", house.scope, "http://lamina.test:4566", headers or {})

    async def answered() -> Any:
        answer: Any = house.handlers["Invoke"](call, {"FunctionName": name, **request})
        return await answer

    return asyncio.run(answered())


def refusal(house: House, name: str = "f", **request: Any) -> ApiError:
    with pytest.raises(ApiError) as raised:
        invoke(house, name, **request)
    assert house.worker.given == []
    assert events(house) == []
    return raised.value


def said(error: ApiError) -> str:
    assert error.message is not None
    return error.message


def events(house: House) -> list[Event]:
    with house.catalog.reading() as transaction:
        return list(transaction.events.due(1e12, 100))


@pytest.fixture
def function(house: House) -> House:
    """A house with a function f, active, and its version 1."""
    house.function("f", Architectures=[NATIVE], Publish=True)
    return house


def test_the_answer_is_what_the_function_said(function: House) -> None:
    answer = invoke(function, Payload=b'{"a": 1}')
    assert answer == {"StatusCode": 200, "Payload": b'{"a": 1}', "ExecutedVersion": "$LATEST"}
    ((spec, invocation),) = function.worker.given
    assert (spec.runtime, spec.handler, spec.version) == ("python3.12", "app.handler", "$LATEST")
    assert (invocation.request_id, invocation.timeout_s) == ("request-id", 3)


def test_no_payload_is_an_empty_object(function: House) -> None:
    assert invoke(function)["Payload"] == b"{}"


def test_the_log_comes_only_when_asked_for(function: House) -> None:
    assert base64.b64decode(invoke(function, LogType="Tail")["LogResult"]) == b"the log"
    assert "LogResult" not in invoke(function, LogType="None")


@pytest.mark.parametrize(
    ("name", "qualifier", "version", "seen"),
    [
        ("f", None, "$LATEST", ARN),
        (ARN, None, "$LATEST", ARN),
        ("123456789012:function:f", None, "$LATEST", ARN),
        ("f", "$LATEST", "$LATEST", f"{ARN}:$LATEST"),
        (f"{ARN}:$LATEST", None, "$LATEST", f"{ARN}:$LATEST"),
        ("f:1", None, "1", f"{ARN}:1"),
        ("f", "1", "1", f"{ARN}:1"),
        (f"{ARN}:1", "1", "1", f"{ARN}:1"),
    ],
)
def test_the_function_sees_the_arn_it_was_called_by(
    function: House, name: str, qualifier: str | None, version: str, seen: str
) -> None:
    request: dict[str, Any] = {} if qualifier is None else {"Qualifier": qualifier}
    assert invoke(function, name, **request)["ExecutedVersion"] == version
    ((spec, invocation),) = function.worker.given
    assert (spec.version, invocation.arn) == (version, seen)


def test_a_version_keeps_running_its_own_code(function: House) -> None:
    function.call("UpdateFunctionCode", FunctionName="f", ZipFile=zipped(app__py="other"))
    function.settle()
    invoke(function, Qualifier="1")
    invoke(function)
    (published, _), (latest, _) = function.worker.given
    assert published.code != latest.code


@pytest.mark.parametrize(
    ("name", "qualifier", "shown"),
    [
        ("g", None, "g:$LATEST"),
        ("g", "$LATEST", "g:$LATEST"),
        ("g", "live", "g:live"),
        ("f", "live", "f:live"),
        ("f", "42", "f:42"),
        ("f:live", None, "f:live"),
        ("f", "$latest", "f:$latest"),
    ],
)
def test_what_is_not_found_is_named_with_its_qualifier(
    function: House, name: str, qualifier: str | None, shown: str
) -> None:
    error = refusal(function, name, **({} if qualifier is None else {"Qualifier": qualifier}))
    assert (error.code, error.status) == ("ResourceNotFoundException", 404)
    assert error.message == f"Function not found: arn:aws:lambda:eu-west-1:123456789012:function:{shown}"


def test_two_qualifiers_must_agree(function: House) -> None:
    error = refusal(function, "f:1", Qualifier="2")
    assert (error.code, error.message) == (
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    )


def test_a_function_of_another_region_is_not_reachable(function: House) -> None:
    error = refusal(function, ARN.replace("eu-west-1", "us-east-1"))
    assert (error.status, error.message) == (
        404,
        "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')",
    )


def test_one_of_another_account_is_not_allowed(function: House) -> None:
    error = refusal(function, ARN.replace("123456789012", "210987654321"))
    assert (error.code, error.status) == ("AccessDeniedException", 403)


def test_functions_of_one_name_in_two_accounts_are_two(function: House) -> None:
    function.scope = Scope("210987654321", HERE.region)
    assert "210987654321" in said(refusal(function))


def test_a_payload_that_is_no_json_is_not_run(function: House) -> None:
    error = refusal(function, Payload=b"\x99")
    assert (error.code, error.status) == ("InvalidRequestContentException", 400)


def test_a_function_error_is_an_answer(function: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: object) -> Outcome:
        return Outcome(b'{"errorType":"X"}', "Unhandled", b"log")

    monkeypatch.setattr(function.worker, "invoke", fails)
    assert invoke(function) == {
        "StatusCode": 200,
        "Payload": b'{"errorType":"X"}',
        "ExecutedVersion": "$LATEST",
        "FunctionError": "Unhandled",
    }


def test_a_dry_run_runs_nothing(function: House) -> None:
    assert invoke(function, InvocationType="DryRun") == {"StatusCode": 204}
    assert function.worker.given == []


def test_a_dry_run_says_what_a_run_would_be_refused_for(function: House) -> None:
    assert refusal(function, "g", InvocationType="DryRun").status == 404


def test_without_a_free_environment_the_caller_is_throttled(function: House) -> None:
    function.worker.failure = Throttled()
    with pytest.raises(ApiError) as raised:
        invoke(function)
    error = raised.value
    assert (error.code, error.status, error.kind) == ("TooManyRequestsException", 429, "User")
    assert (error.message, error.members) == ("Rate Exceeded.", {"Reason": "ConcurrentInvocationLimitExceeded"})


def test_a_sandbox_that_cannot_be_made_is_our_failure_and_says_why(function: House) -> None:
    function.worker.failure = SandboxFailed("mount /opt: no")
    with pytest.raises(ApiError) as raised:
        invoke(function)
    assert (raised.value.code, raised.value.status) == ("ServiceException", 500)
    assert "mount /opt: no" in said(raised.value)


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
def test_a_runtime_that_is_not_installed_is_refused_with_advice(house: House, kind: str) -> None:
    house.function("f", Runtime="python3.9", Architectures=[NATIVE])
    error = refusal(house, InvocationType=kind)
    assert (error.code, error.status) == ("InvalidParameterValueException", 400)
    assert "python3.9 is not installed" in said(error)
    assert "Installed here: python3.12." in said(error)
    assert "uv python install 3.9" in said(error)


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
def test_a_function_for_another_processor_is_refused(house: House, kind: str) -> None:
    house.function("f", Architectures=[FOREIGN])
    error = refusal(house, InvocationType=kind)
    assert (error.code, error.status) == ("InvalidParameterValueException", 400)
    assert f"The function is for {FOREIGN}, and this machine is {platform.machine()}" in said(error)


def test_a_function_that_failed_to_become_active_is_refused(house: House) -> None:
    house.trees.failure = RuntimeError("no disk")
    house.function("f", Architectures=[NATIVE])
    error = refusal(house)
    assert (error.code, error.status) == ("ResourceConflictException", 409)
    assert said(error).endswith("The function is currently in the following state: Failed")


def pending(house: House) -> None:
    """Create f, whose activation goes on when the trees are opened."""
    house.trees.open.clear()
    house.call(
        "CreateFunction",
        FunctionName="f",
        Runtime="python3.12",
        Handler="app.handler",
        Role="arn:aws:iam::123456789012:role/r",
        Code={"ZipFile": CODE},
        Architectures=[NATIVE],
    )


def test_an_invocation_waits_for_a_function_that_is_pending(house: House) -> None:
    pending(house)
    call = Call("request-id", house.scope, "http://lamina.test:4566", {})

    async def opened_while_waiting() -> Any:
        answer: Any = house.handlers["Invoke"](call, {"FunctionName": "f"})
        invoking = asyncio.ensure_future(answer)
        await asyncio.sleep(0)
        assert not invoking.done()
        house.trees.open.set()
        return await invoking

    assert asyncio.run(opened_while_waiting())["StatusCode"] == 200


def test_invocations_that_wait_for_a_pending_function_hold_no_threads_and_one_may_give_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending(house)
    call = Call("request-id", house.scope, "http://lamina.test:4566", {})
    waiting = asyncio.Semaphore(0)
    start = house.activations.start

    def counted(version: FunctionVersion) -> Future[FunctionVersion | None]:
        waiting.release()
        return start(version)

    async def all_wait() -> list[Any]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        invoking = [asyncio.ensure_future(answered()) for _ in range(8)]
        async with asyncio.timeout(20):
            for _ in invoking:
                await waiting.acquire()
            # Whoever hangs up does not take the activation from the others.
            invoking[0].cancel()
            await asyncio.gather(invoking[0], return_exceptions=True)
            await asyncio.to_thread(house.trees.open.set)
            return await asyncio.gather(*invoking[1:])

    async def answered() -> Any:
        answer: Any = house.handlers["Invoke"](call, {"FunctionName": "f"})
        return await answer

    monkeypatch.setattr(house.activations, "start", counted)
    assert [answer["StatusCode"] for answer in asyncio.run(all_wait())] == [200] * 7


def encoded(context: str) -> str:
    return base64.b64encode(context.encode()).decode()


def test_the_client_context_reaches_the_runtime_as_one_line_of_ascii(function: House) -> None:
    context = {"custom": {"ä": "b\nc"}, "client": {"app_title": "t"}, "env": {}}
    invoke(function, ClientContext=encoded(json.dumps(context, indent=2, ensure_ascii=False)))
    ((_, invocation),) = function.worker.given
    assert invocation.client_context is not None
    assert invocation.client_context.isascii()
    assert "\n" not in invocation.client_context
    assert json.loads(invocation.client_context) == context


@pytest.mark.parametrize(
    "context",
    ["not base64!", encoded("{"), encoded("[1]"), encoded("null"), encoded("[" * 2600), "/w=="],
    ids=["base64", "json", "list", "null", "deep", "bytes"],
)
def test_a_client_context_that_is_no_object_is_refused(function: House, context: str) -> None:
    error = refusal(function, ClientContext=context)
    assert (error.code, error.message) == (
        "InvalidRequestContentException",
        "Client context must be a valid Base64-encoded JSON object.",
    )


def test_a_trace_of_the_callers_goes_on_and_else_one_begins(function: House) -> None:
    invoke(function, headers={"x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793"})
    invoke(function)
    first, second = (invocation.trace_id for _, invocation in function.worker.given)
    counted = f"Lineage={lineage.mark(ARN)}:1"
    assert first == f"Root=1-5759e988-bd862e3fe1be46a994272793;{counted}"
    own = rf"Root=1-[0-9a-f]{{8}}-[0-9a-f]{{24}};Parent=[0-9a-f]{{16}};Sampled=0;{counted}"
    assert re.fullmatch(own, second or "")


def test_a_function_that_has_come_by_itself_sixteen_times_is_stopped_unless_it_may(function: House) -> None:
    chain = {"x-amzn-trace-id": f"Root=1-5759e988-bd862e3fe1be46a994272793;Lineage={lineage.mark(ARN)}:16"}
    for name in ("f", "f:$LATEST"):
        stopped = refusal(function, name, headers=chain)
        assert (stopped.code, stopped.status) == ("RecursiveInvocationException", 400)
    RecursionOperations(function.catalog).put_function_recursion_config(
        Call("request-id", function.scope, "", {}), {"FunctionName": "f", "RecursiveLoop": "Allow"}
    )
    invoke(function, headers=chain)
    assert [given.trace_id for _, given in function.worker.given] == [chain["x-amzn-trace-id"].replace(":16", ":17")]


@pytest.mark.parametrize("member", ["DurableExecutionName", "TenantId"])
def test_members_of_kinds_of_functions_that_do_not_exist_are_refused(function: House, member: str) -> None:
    assert said(refusal(function, **{member: "x"})).startswith(f"Lamina does not support {member}:")


def test_an_event_is_recorded_before_it_is_answered(function: House) -> None:
    answer = invoke(function, InvocationType="Event", Payload=b"[1]", ClientContext=encoded('{"custom":{}}'))
    assert answer == {"StatusCode": 202}
    (event,) = events(function)
    assert (event.id, str(event.function), event.payload, event.attempts) == ("request-id", ARN, b"[1]", 0)
    assert event.client_context == '{"custom":{}}'
    assert event.trace_header is not None
    assert function.worker.given == [], "no queue is open in this house"


def test_the_operation_of_2014_is_an_event_too(function: House) -> None:
    call = Call("request-id", function.scope, "http://lamina.test:4566", {})

    async def answered() -> Any:
        answer: Any = function.handlers["InvokeAsync"](call, {"FunctionName": "f", "InvokeArgs": b"[1]"})
        return await answer

    assert asyncio.run(answered()) == {"Status": 202}
    assert [event.payload for event in events(function)] == [b"[1]"]


@pytest.mark.parametrize("change", ["code", "configuration", "layers", "deleted", "made anew"])
def test_a_change_shows_in_the_very_next_invocation(function: House, change: str) -> None:
    invoke(function)
    if change == "code":
        function.call("UpdateFunctionCode", FunctionName="f", ZipFile=zipped(app__py="other"))
    elif change == "configuration":
        function.call("UpdateFunctionConfiguration", FunctionName="f", MemorySize=256)
    elif change == "layers":
        function.call("UpdateFunctionConfiguration", FunctionName="f", Layers=[function.layer("a")])
    else:
        function.call("DeleteFunction", FunctionName="f")
    if change == "deleted":
        with pytest.raises(ApiError, match=r"Function not found"):
            invoke(function)
        return
    if change == "made anew":
        function.function("f", Architectures=[NATIVE], Handler="app.other")
    invoke(function)
    (before, _), (after, _) = function.worker.given
    assert before != after


def test_an_invocation_of_an_unchanged_function_reads_no_database(
    function: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke(function)

    def reading() -> None:
        raise AssertionError("the catalog was read")

    monkeypatch.setattr(function.catalog, "reading", reading)
    assert invoke(function)["StatusCode"] == 200
