"""The gateway as the API's front: botocore's own client and plain requests against handlers of the test's."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lamina import errors
from lamina.gateway import Service
from lamina.layers.sizes import UPLOADED_BYTES_MAX
from lamina.names import Scope
from lamina.operations.call import Call, Handler, Output, Parameters
from lamina.operations.content import Download
from tests.support.gateway import PATIENCE_S, RawAnswer, RunningGateway, request, running

pytestmark = pytest.mark.anybody

INVOKE = "/2015-03-31/functions/f/invocations"
UUID = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}")


@contextmanager
def client(server: RunningGateway, key: str = "test", region: str = "us-east-1") -> Iterator[Any]:
    made = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=50),
    )
    try:
        yield made
    finally:
        made.close()


def list_functions(call: Call, params: Parameters) -> Output:
    name = f"{call.scope} {threading.current_thread().name.split('_')[0]}"
    return {"Functions": [{"FunctionName": name, "Description": str(dict(params))}]}


async def invoke(call: Call, params: Parameters) -> Output:
    return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": params.get("Payload", b"null")}


def publish(call: Call, params: Parameters) -> Output:
    content = params["Content"]["ZipFile"]
    return {"Version": len(content), "CompatibleRuntimes": params.get("CompatibleRuntimes")}


HANDLERS: dict[str, Handler] = {"ListFunctions": list_functions, "Invoke": invoke, "PublishLayerVersion": publish}


@pytest.fixture(scope="module")
def server() -> Iterator[RunningGateway]:
    with running(HANDLERS) as server:
        yield server


def test_botocores_client_is_answered(server: RunningGateway) -> None:
    with client(server, key="123456789012", region="eu-west-3") as aws:
        (function,) = aws.list_functions(MaxItems=7)["Functions"]
        assert function == {"FunctionName": "123456789012/eu-west-3 gateway", "Description": "{'MaxItems': 7}"}
        answer = aws.invoke(FunctionName="arn:aws:lambda:us-east-1:000000000000:function:f", Payload=b'{"a": 1}')
        assert answer["Payload"].read() == b'{"a": 1}'
        assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
        assert UUID.fullmatch(answer["ResponseMetadata"]["RequestId"])


def test_a_large_archive_arrives_whole(server: RunningGateway) -> None:
    with client(server) as aws:
        content = bytes(range(256)) * 40_000
        answer = aws.publish_layer_version(LayerName="l", Content={"ZipFile": content}, CompatibleRuntimes=[])
        assert (answer["Version"], answer["CompatibleRuntimes"]) == (len(content), [])


def test_a_broken_constraint_never_reaches_a_handler(server: RunningGateway) -> None:
    with client(server) as aws, pytest.raises(ClientError) as caught:
        aws.invoke(FunctionName="f!")
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["Error"]["Message"].startswith("1 validation error detected: Value 'f!'")


def test_an_operation_that_is_not_built_says_so_in_an_error_of_the_model(server: RunningGateway) -> None:
    with (
        client(server) as aws,
        pytest.raises(aws.exceptions.InvalidParameterValueException, match="GetAccountSettings"),
    ):
        aws.get_account_settings()


def test_every_answer_has_a_request_id_of_its_own(server: RunningGateway) -> None:
    targets = ["/2015-03-31/functions", "/nowhere", "/_lamina/health", "/_lamina/nothing", "/_lamina/content/x"]
    ids = [server.ask(request("GET", target)).headers["x-amzn-requestid"] for target in targets]
    ids.append(server.ask(b"no HTTP at all\r\n\r\n").headers["x-amzn-requestid"])
    assert all(UUID.fullmatch(one) for one in ids)
    assert len(set(ids)) == len(ids)


def test_health_is_told_in_our_own_shape_and_in_the_one_tools_poll(server: RunningGateway) -> None:
    assert server.ask(request("GET", "/_lamina/health")).json == {"status": "ok"}
    state = server.ask(request("GET", "/_localstack/health")).json
    assert (state["services"], state["edition"]) == ({"lambda": "running"}, "lamina")
    assert state["version"]


@pytest.mark.parametrize("target", ["/", "/nowhere", "/2015-03-31/functions/a/b/c"])
def test_an_unknown_path_is_an_unknown_operation(server: RunningGateway, target: str) -> None:
    answer = server.ask(request("GET", target))
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (404, "UnknownOperationException")


def test_a_request_for_a_service_that_is_not_offered_is_told_which_are(server: RunningGateway) -> None:
    credential = "AWS4-HMAC-SHA256 Credential=test/20251121/us-east-1/sts/aws4_request, Signature=x"
    answer = server.ask(request("POST", "/", Authorization=credential))
    assert (answer.status, "signed for sts" in answer.json["message"]) == (404, True)


def test_a_service_of_the_json_protocol_is_told_by_its_target_and_answers_in_its_own_words() -> None:
    def described(call: Call, _request: object) -> dict[str, object]:
        return {"logGroups": [{"logGroupName": f"of {call.scope.account}", "creationTime": 1}]}

    other = Service("logs", lambda: {"DescribeLogGroups": described}, target="Logs_20140328")
    with running(others=[other]) as server:

        def ask(operation: str, body: bytes = b"{}", **headers: str) -> RawAnswer:
            return server.ask(request("POST", "/", body, X_Amz_Target=f"Logs_20140328.{operation}", **headers))

        credential = "AWS4-HMAC-SHA256 Credential=123456789012/20251121/us-east-1/logs/aws4_request, Signature=x"
        answer = ask("DescribeLogGroups", Authorization=credential)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/x-amz-json-1.1")
        assert answer.json == {"logGroups": [{"logGroupName": "of 123456789012", "creationTime": 1}]}
        answer = ask("CreateLogGroup", b'{"logGroupName": "a*"}')
        assert (answer.status, answer.json["__type"]) == (400, "InvalidParameterException")
        assert answer.json["message"].startswith("1 validation error detected: Value 'a*' at 'logGroupName' failed")
        answer = ask("GetDelivery", b'{"id": "a"}')
        assert answer.json == {"__type": "ValidationException", "message": "Lamina does not implement GetDelivery."}
        assert ask("CreateLogGroup", b"[]").json["__type"] == "SerializationException"
        answer = ask("Nothing")
        assert (answer.status, answer.json["__type"]) == (400, "UnknownOperationException")
        assert server.ask(request("GET", "/_localstack/health")).json["services"].keys() == {"lambda", "logs"}


def test_internal_addresses_can_only_be_read(server: RunningGateway) -> None:
    assert server.ask(request("POST", "/_lamina/health")).status == 405
    assert server.ask(request("GET", "/_lamina/nothing")).status == 404


def test_web_pages_of_other_sites_are_not_answered(server: RunningGateway) -> None:
    for origin in ("https://example.com", "null", "http://localhost:4566"):
        answer = server.ask(request("POST", INVOKE, b"{}", Origin=origin))
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert server.ask(request("POST", INVOKE, b"{}", Origin="http://lamina.test:4566")).status == 200


# Handlers


def test_a_handler_learns_who_called_and_how() -> None:
    calls: list[Call] = []

    def remember(call: Call, params: Parameters) -> Output:
        calls.append(call)
        return {"Functions": []}

    with running({"ListFunctions": remember}) as server:
        answer = server.ask(request("GET", "/2015-03-31/functions", X_Custom="Yes"))
        server.ask(b"GET /2015-03-31/functions HTTP/1.0\r\n\r\n")
    assert calls[0].request_id == answer.headers["x-amzn-requestid"]
    assert calls[0].scope == Scope("000000000000", "us-east-1")
    assert calls[0].endpoint == "http://lamina.test:4566"
    assert calls[0].headers["x-custom"] == "Yes"
    assert calls[1].endpoint == "http://localhost"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_api_error_is_answered_as_it_is(asynchronous: bool) -> None:
    def refuse(call: Call, params: Parameters) -> Output:
        raise errors.too_many_requests("Rate Exceeded.", "CallerRateLimitExceeded")

    async def refuse_later(call: Call, params: Parameters) -> Output:
        await asyncio.sleep(0)
        return refuse(call, params)

    with running({"ListFunctions": refuse_later if asynchronous else refuse}) as server:
        answer = server.ask(request("GET", "/2015-03-31/functions"))
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
    assert answer.json == {"Type": "User", "message": "Rate Exceeded.", "Reason": "CallerRateLimitExceeded"}


@pytest.mark.parametrize("output", [None, {"Functions": 5}, {"Invented": "x"}])
def test_a_mistake_of_ours_is_an_internal_error_whose_cause_only_the_log_knows(
    output: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(call: Call, params: Parameters) -> Output:
        if output is None:
            raise RuntimeError("the secret cause")
        result: Output = output
        return result

    with caplog.at_level(logging.ERROR), running({"ListFunctions": fail}) as server, server.connect() as one:
        one.send(request("GET", "/2015-03-31/functions") + request("GET", "/_lamina/health"))
        answer = one.answer()
        assert one.answer().status == 200
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (500, "ServiceException")
    assert answer.json["Type"] == "Service"
    assert answer.headers["x-amzn-requestid"] in answer.json["Message"]
    assert b"secret" not in answer.body
    (record,) = caplog.records
    assert answer.headers["x-amzn-requestid"] in record.getMessage()
    assert record.exc_info is not None


def test_plain_handlers_run_at_the_same_time() -> None:
    together = threading.Barrier(4)

    def meet(call: Call, params: Parameters) -> Output:
        together.wait(PATIENCE_S)
        return {"Functions": []}

    with running({"ListFunctions": meet}, threads=4) as server, ThreadPoolExecutor(4) as clients:
        asked = [clients.submit(server.ask, request("GET", "/2015-03-31/functions")) for _ in range(4)]
        assert [answer.result().status for answer in asked] == [200] * 4


def test_waiting_handlers_need_no_threads() -> None:
    arrived, everybody = 0, asyncio.Event()

    async def meet(call: Call, params: Parameters) -> Output:
        nonlocal arrived
        arrived += 1
        if arrived == 200:
            everybody.set()
        await everybody.wait()
        return {"StatusCode": 200, "Payload": params["Payload"]}

    with running({"Invoke": meet}, threads=1) as server, ThreadPoolExecutor(200) as clients:
        asked = [clients.submit(server.ask, request("POST", INVOKE, b"%d" % number)) for number in range(200)]
        assert [answer.result().body for answer in asked] == [b"%d" % number for number in range(200)]


def test_what_was_asked_for_goes_on_without_the_client() -> None:
    begun, went_on = threading.Event(), threading.Event()

    async def outlive(call: Call, params: Parameters) -> Output:
        begun.set()
        await asyncio.to_thread(gone.wait, PATIENCE_S)
        went_on.set()
        return {"StatusCode": 200, "Payload": b"x" * 1_000_000}

    gone = threading.Event()
    with running({"Invoke": outlive}) as server:
        with server.connect() as one:
            one.send(request("POST", INVOKE, b"{}"))
            assert begun.wait(PATIENCE_S)
        gone.set()
        assert went_on.wait(PATIENCE_S)
        assert server.ask(request("GET", "/_lamina/health")).status == 200


# Sizes: AWS's texts, recorded


def test_a_request_that_is_too_large_names_the_operation(server: RunningGateway) -> None:
    answer = server.ask(request("PUT", "/2015-03-31/functions/f/code", b'{"ZipFile":"QUJD"' + b" " * 71_000_000 + b"}"))
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (413, "RequestEntityTooLargeException")
    assert answer.body == (
        b'{"message":"Request must be smaller than 70167211 bytes for the UpdateFunctionCode operation"}'
    )


def test_of_an_archive_that_is_too_large_its_own_limit_is_told_first(server: RunningGateway) -> None:
    body = b'{"Content": {"ZipFile": "' + b"QUJD" * (UPLOADED_BYTES_MAX // 3 + 1_000_000) + b'"}}'
    answer = server.ask(request("POST", "/2018-10-31/layers/l/versions", body))
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (413, "RequestEntityTooLargeException")
    assert answer.json == {"message": "Zipped size must be smaller than 52428800 bytes"}


def test_what_is_far_too_large_is_refused_unread_and_the_refusal_can_be_read(server: RunningGateway) -> None:
    with server.connect() as one:
        head = request("POST", "/2018-10-31/layers/l/versions", Content_Length=str(200 * 1024 * 1024))
        one.send(head + b"x" * (100 * 1024 * 1024))
        answer = one.answer()
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert answer.json["message"].endswith("for the PublishLayerVersion operation")


# Downloads

ARCHIVE = bytes(range(256)) * 20_000


def download(path: str, query: Any) -> Download:
    assert path == "/_lamina/content/abc"
    if query != {"Signature": "good one"}:
        return Download(403, {"Content-Type": "application/xml"}, 8, iter((b"<Error/>",)))
    chunks = (ARCHIVE[start : start + 65_536] for start in range(0, len(ARCHIVE), 65_536))
    return Download(200, {"Content-Type": "application/zip", "ETag": '"abc"'}, len(ARCHIVE), chunks)


def test_a_download_streams_whole_or_in_part_and_head_says_how_long_it_is() -> None:
    target = "/_lamina/content/abc?Signature=good%20one"
    with running(download=download) as server, server.connect() as one:
        one.send(request("GET", target) + request("HEAD", target) + request("GET", target, Range="bytes=70000-70009"))
        whole, head, part = one.answer(), one.answer(head_only=True), one.answer()
        assert (whole.status, whole.headers["content-type"], whole.body) == (200, "application/zip", ARCHIVE)
        assert (head.status, head.headers["content-length"]) == (200, str(len(ARCHIVE)))
        assert (part.status, part.body) == (206, ARCHIVE[70_000:70_010])
        assert part.headers["content-range"] == f"bytes 70000-70009/{len(ARCHIVE)}"
        refused = server.ask(request("GET", "/_lamina/content/abc?Signature=bad"))
        assert (refused.status, refused.body) == (403, b"<Error/>")


def test_a_download_that_ends_early_is_cut_off_and_not_passed_off_as_whole(caplog: pytest.LogCaptureFixture) -> None:
    def short(path: str, query: Any) -> Download:
        return Download(200, {}, 100, iter((b"x" * 10,)))

    with running(download=short) as server, server.connect() as one:
        one.send(request("GET", "/_lamina/content/abc"))
        head, _, body = one.rest().partition(b"\r\n\r\n")
        assert (b"content-length: 100" in head, len(body) < 100) == (True, True)
    assert "ended after 10" in caplog.text


def test_a_download_that_fails_on_the_way_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    def failing() -> Iterator[bytes]:
        yield b"x" * 10
        raise OSError("the disk is gone")

    with running(download=lambda path, query: Download(200, {}, 100, failing())) as server, server.connect() as one:
        one.send(request("GET", "/_lamina/content/abc"))
        one.rest()
        assert server.ask(request("GET", "/_lamina/health")).status == 200
    assert "the disk is gone" in caplog.text
