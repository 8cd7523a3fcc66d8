"""How a handler of Node.js answers: by promise, by callback, by its context, or not at all; and what it is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.node import CLIENT, VERSIONS, WITH_CALLBACKS, invoke
from tests.support.runtime_clients import ARN, Event


@pytest.mark.parametrize("version", VERSIONS)
def test_events_are_answered_one_after_another_over_one_connection(tmp_path: Path, version: str) -> None:
    events = [Event.of(value) for value in ({"a": [1, "ü", None]}, "text", 7, None, "x" * 300_000)]
    outcome = invoke(tmp_path, "exports.handler = async (event) => ({ event });", events, version=version)
    assert [said.kind for said in outcome.said] == ["response"] * len(events)
    assert [said.request_id for said in outcome.said] == [event.request_id for event in events]
    assert outcome.values == [{"event": json.loads(event.payload)} for event in events]
    assert outcome.connections == 1
    assert outcome.log == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_value_without_json_is_null(tmp_path: Path, version: str) -> None:
    code = "exports.handler = async (event) => [undefined, () => 1, Symbol('s')][event];"
    assert invoke(tmp_path, code, [Event.of(n) for n in range(3)], version=version).values == [None] * 3


@pytest.mark.parametrize("version", WITH_CALLBACKS)
@pytest.mark.parametrize(
    "body",
    [
        "callback(null, event);",
        "setTimeout(callback, 5, null, event);",
        "context.succeed(event);",
        "context.done(null, event);",
        "callback(null, event); callback(null, 'twice'); callback(new Error('later'));",
        "return { then: (done) => done(event) };",
        "context.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 1000); callback(null, event);",
        "setInterval(() => {}, 1000); context.succeed(event);",
    ],
)
def test_a_value_is_given_in_many_ways(tmp_path: Path, body: str, version: str) -> None:
    code = f"exports.handler = (event, context, callback) => {{ {body} }};"
    events = [Event.of(1), Event.of(2)]
    outcome = invoke(tmp_path, code, events, version=version)
    assert outcome.values == [1, 2]
    assert outcome.status is None


@pytest.mark.parametrize("version", WITH_CALLBACKS)
@pytest.mark.parametrize(
    ("body", "report"),
    [
        ("callback(new RangeError('r'));", ("RangeError", "r")),
        ("context.fail(new RangeError('r'));", ("RangeError", "r")),
        ("context.done(new RangeError('r'));", ("RangeError", "r")),
        ("throw new RangeError('r');", ("RangeError", "r")),
        ("return Promise.reject(new RangeError('r'));", ("RangeError", "r")),
        ("callback('plain');", ("string", "plain")),
        ("callback(17);", ("number", "17")),
        ("context.fail();", ("string", "handled")),
        ("return Promise.reject();", ("string", "handled")),
        ("const e = new Error('m'); e.name = 'Mine\\x7f'; callback(e);", ("Mine%7F", "m")),
        ("callback({ name: 'Like', message: 'an error', stack: 'Like: an error' });", ("Like", "an error")),
        (
            "callback(new Proxy(new Error(), { get() { throw 1; } }));",
            ("handled", None),
        ),
    ],
)
def test_a_failure_is_given_in_many_ways(
    tmp_path: Path, body: str, report: tuple[str, str | None], version: str
) -> None:
    code = f"exports.handler = (event, context, callback) => {{ {body} }};"
    outcome = invoke(tmp_path, code, [Event(), Event()], version=version)
    assert [said.kind for said in outcome.said] == ["error", "error"]
    value = outcome.values[0]
    assert list(value) == ["errorType", "errorMessage", "trace"]
    assert value["errorType"] == report[0]
    assert report[1] is None or value["errorMessage"] == report[1]
    assert outcome.said[0].headers["lambda-runtime-function-error-type"] == report[0]
    assert outcome.said[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("version", WITH_CALLBACKS)
def test_a_callback_waits_for_the_event_loop_and_the_context_does_not(tmp_path: Path, version: str) -> None:
    code = """
        let rang = 0;
        exports.handler = (event, context, callback) => {
            setTimeout(() => { rang += 1; }, 20);
            if (event === "wait") callback(null, () => 0, rang);
            else context.succeed(rang);
        };
    """
    # What a callback is given is turned into JSON when the loop is empty.
    code = code.replace("() => 0, rang", "{ toJSON: () => rang }")
    assert invoke(tmp_path, code, [Event.of("wait"), Event.of("no")], version=version).values == [1, 1]


@pytest.mark.parametrize("version", WITH_CALLBACKS)
@pytest.mark.parametrize("code", ["(event) => 'not taken'", "() => {}", "async () => new Promise(() => {})"])
def test_a_handler_that_is_done_without_a_word_answers_null(tmp_path: Path, code: str, version: str) -> None:
    outcome = invoke(tmp_path, f"exports.handler = {code};", [Event(), Event()], version=version)
    assert [(said.kind, said.value) for said in outcome.said] == [("response", None)] * 2


def test_from_24_on_what_is_returned_is_the_answer(tmp_path: Path) -> None:
    code = "exports.handler = (event, context) => [event, typeof context.succeed, typeof context.done];"
    assert invoke(tmp_path, code, [Event.of(1)], version="24").values == [[1, "undefined", "undefined"]]


def test_from_24_on_a_callback_is_refused(tmp_path: Path) -> None:
    code = "exports.handler = (event, context, callback) => callback(null, 1);"
    outcome = invoke(tmp_path, code, version="24")
    assert outcome.only.kind == "init error"
    assert outcome.only.value["errorType"] == "Runtime.CallbackHandlerDeprecated"
    assert "has removed support for callback-based function handlers" in outcome.only.value["errorMessage"]


def test_from_24_on_a_promise_that_is_never_settled_ends_the_process(tmp_path: Path) -> None:
    outcome = invoke(tmp_path, "exports.handler = () => new Promise(() => {});", version="24")
    assert (outcome.only.kind, outcome.only.value["errorType"]) == ("error", "Runtime.NodeJsExit")
    assert outcome.status == 13


@pytest.mark.parametrize("version", VERSIONS)
def test_what_has_no_json_fails_the_invocation_and_not_the_process(tmp_path: Path, version: str) -> None:
    code = "exports.handler = async (event) => { const a = {}; a.a = event ? a : 1; return a; };"
    outcome = invoke(tmp_path, code, [Event.of(1), Event.of(0)], version=version)
    assert [said.kind for said in outcome.said] == ["error", "response"]
    error = {"20": "Error", "22": "Error", "24": "Runtime.JSONStringifyError"}[version]
    assert outcome.values[0]["errorType"] == error
    assert outcome.values[0]["errorMessage"] == "Unable to stringify response body"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_event_that_is_no_json_fails_the_invocation(tmp_path: Path, version: str) -> None:
    outcome = invoke(tmp_path, "exports.handler = async () => 1;", [Event(b"{"), Event()], version=version)
    assert [said.kind for said in outcome.said] == ["error", "response"]
    assert outcome.values[0]["errorType"] == "SyntaxError"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_that_is_too_large_is_left_to_the_platform(tmp_path: Path, version: str) -> None:
    outcome = invoke(tmp_path, "exports.handler = async () => 1;", [Event(), Event()], version=version, refuses=413)
    assert [said.kind for said in outcome.said] == ["response", "response"]
    assert outcome.status is None


@pytest.mark.parametrize("version", VERSIONS)
def test_the_context_is_what_the_invocation_and_the_variables_say(tmp_path: Path, version: str) -> None:
    code = """
        exports.handler = async (event, context) => {
            const left = context.getRemainingTimeInMillis();
            return { ...context, left, trace: process.env._X_AMZN_TRACE_ID };
        };
    """
    event = Event.of(
        {},
        lambda_runtime_trace_id="Root=1-2-3",
        lambda_runtime_client_context='{"client": {"id": "c"}}',
        lambda_runtime_cognito_identity='{"cognitoIdentityId": "i"}',
        lambda_runtime_aws_tenant_id="blue",
    )
    with_all, without = invoke(tmp_path, code, [event, Event()], version=version).values
    assert with_all.pop("left") > 10**12
    assert with_all.pop("callbackWaitsForEmptyEventLoop", None) is (None if version == "24" else True)
    assert with_all.pop("xRayTraceId", None) == ("Root=1-2-3" if version == "24" else None)
    assert with_all == {
        "functionName": "f",
        "functionVersion": "$LATEST",
        "memoryLimitInMB": "128",
        "logGroupName": "/aws/lambda/f",
        "logStreamName": "2026/01/01/[$LATEST]0",
        "invokedFunctionArn": ARN,
        "awsRequestId": event.request_id,
        "clientContext": {"client": {"id": "c"}},
        "identity": {"cognitoIdentityId": "i"},
        "tenantId": "blue",
        "trace": "Root=1-2-3",
    }
    assert not {"clientContext", "identity", "tenantId", "trace"} & set(without)


def test_from_24_on_libraries_find_the_invocation_in_a_store(tmp_path: Path) -> None:
    code = """
        const store = awslambda.InvokeStore;
        const before = [store.hasContext(), store.getRequestId()];
        exports.handler = async () => {
            const kept = store.get("mine");
            store.set("mine", 1);
            let refused;
            try { store.set(Symbol.for("_AWS_LAMBDA_REQUEST_ID"), "x"); } catch (error) { refused = error.message; }
            const told = [store.getRequestId(), store.getXRayTraceId(), store.getTenantId()];
            return [before, kept, store.get("mine"), told, refused];
        };
    """
    first = Event.of({}, lambda_runtime_trace_id="Root=1", lambda_runtime_aws_tenant_id="blue")
    second = Event()
    refused = "Cannot modify protected Lambda context field: Symbol(_AWS_LAMBDA_REQUEST_ID)"
    outcome = invoke(tmp_path / "24", code, [first, second], version="24")
    assert outcome.values == [
        [[False, "-"], None, 1, [first.request_id, "Root=1", "blue"], refused],
        [[False, "-"], None, 1, [second.request_id, None, None], refused],
    ]
    outcome = invoke(tmp_path / "22", "exports.handler = async () => 'InvokeStore' in awslambda;", version="22")
    assert outcome.values == [False]


@pytest.mark.parametrize("version", VERSIONS)
def test_of_the_client_only_awss_global_is_to_be_seen(tmp_path: Path, version: str) -> None:
    code = """
        exports.handler = async () => [
            Object.keys(process.env).filter((name) => name.startsWith("_LAMBDA")),
            Object.keys(globalThis).filter((name) => /lambda|lamina/i.test(name)),
            process.argv.length,
        ];
    """
    assert invoke(tmp_path / "1", code, version=version).values == [[[], ["awslambda"], 2]]
    outcome = invoke(tmp_path / "2", code, version=version, AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA="1")
    assert outcome.values == [[[], [], 2]]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_client_may_be_loaded_before_there_is_a_function(tmp_path: Path, version: str) -> None:
    # What is started ahead of its assignment is told its variables later: all of them are read when it begins.
    code = """
        exports.handler = async () => process.env.TOLD;
    """
    ahead = tmp_path / "ahead.cjs"
    ahead.write_text(
        f"""
        const told = {{ ...process.env, TOLD: "late" }};
        for (const name of Object.keys(process.env)) delete process.env[name];
        const {{ begin }} = require({str(CLIENT.parent / "lamina" / "client.cjs")!r});
        setTimeout(() => {{ Object.assign(process.env, told); begin(process.env); }}, 5);
        """
    )
    assert invoke(tmp_path, code, version=version, client=ahead).values == ["late"]
