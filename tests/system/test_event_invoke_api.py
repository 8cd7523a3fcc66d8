"""What becomes of asynchronous invocations: event invoke configurations and destinations, on a real server.

The numbers in the names are sections of the recorded behaviour of AWS.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.functions import Function, create, unique, wait_until
from tests.support.logs import logged
from tests.support.refusals import invalid, not_found, refusal
from tests.support.server import ACCOUNT, REGION, Server

pytestmark = pytest.mark.anybody

# Says in its own log what it was given: the line is looked for in the server's state.
TELLER = """
import json
def handler(event, context):
    print("TOLD " + json.dumps(event))
    if isinstance(event, dict) and event.get("fail"):
        raise ValueError("as told")
    return {"done": event}
"""


def arn(function: Function, qualifier: str = "") -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.name}" + (qualifier and f":{qualifier}")


def told(function: Function) -> list[Any]:
    """The events *function* was given so far, in order."""
    lines = logged(function.server.state, function.name)
    return [json.loads(line.partition("TOLD ")[2]) for line in lines if "TOLD " in line]


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tries a failed event again at once, and knows of no other service."""
    environ = {"LAMBDA_RETRY_BASE_DELAY": "0", "LAMINA_COMPANIONS": "0"}
    with Server.started(tmp_path_factory.mktemp("hasty") / "state", environ) as server:
        yield server


@pytest.fixture
def pair(hasty: Server) -> tuple[Function, Function]:
    """A function, and another one that is told how its events end."""
    server = hasty
    return create(server, TELLER), create(server, TELLER)


def send(function: Function, event: Any, **options: Any) -> str:
    answer = function.client.invoke(
        FunctionName=function.name, InvocationType="Event", Payload=json.dumps(event), **options
    )
    assert answer["StatusCode"] == 202
    return str(answer["ResponseMetadata"]["RequestId"])


def configure(function: Function, **settings: Any) -> Any:
    answer = function.client.put_function_event_invoke_config(FunctionName=function.name, **settings)
    answer.pop("ResponseMetadata")
    return answer


def test_a_configuration_is_put_updated_listed_and_deleted(pair: tuple[Function, Function]) -> None:
    function, other = pair
    client, named = function.client, {"FunctionName": function.name}
    missing = not_found(f"The function {arn(function, '$LATEST')} doesn't have an EventInvokeConfig")
    assert refusal(client.get_function_event_invoke_config, **named) == missing
    assert refusal(client.update_function_event_invoke_config, MaximumRetryAttempts=1, **named) == missing
    put = configure(function, MaximumRetryAttempts=1)
    assert put.pop("LastModified").year >= 2025
    empty: dict[str, Any] = {"OnSuccess": {}, "OnFailure": {}}
    wanted = {"FunctionArn": arn(function, "$LATEST"), "MaximumRetryAttempts": 1, "DestinationConfig": empty}
    assert put == wanted
    client.update_function_event_invoke_config(MaximumEventAgeInSeconds=60, **named)
    found = client.get_function_event_invoke_config(Qualifier="$LATEST", **named)
    assert (found["MaximumRetryAttempts"], found["MaximumEventAgeInSeconds"]) == (1, 60)
    destinations = {"OnFailure": {"Destination": arn(other)}, "OnSuccess": {}}
    assert configure(function, DestinationConfig=destinations)["DestinationConfig"] == destinations
    assert "MaximumRetryAttempts" not in client.get_function_event_invoke_config(**named)
    wait_until(lambda: function.settled, 30)
    version = client.publish_version(**named)["Version"]
    client.put_function_event_invoke_config(Qualifier=version, MaximumRetryAttempts=0, **named)
    pages = client.get_paginator("list_function_event_invoke_configs").paginate(
        PaginationConfig={"PageSize": 1}, **named
    )
    listed = [each["FunctionArn"] for page in pages for each in page["FunctionEventInvokeConfigs"]]
    assert listed == [arn(function, "$LATEST"), arn(function, version)]
    assert client.delete_function_event_invoke_config(**named)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(client.delete_function_event_invoke_config, **named) == missing


def test_what_cannot_be_configured_is_refused(pair: tuple[Function, Function]) -> None:
    function, _ = pair
    put, named = function.client.put_function_event_invoke_config, {"FunctionName": function.name}
    nothing = invalid("You must specify at least one of error handling or destination setting.")
    assert refusal(put, **named) == nothing
    missing = refusal(put, FunctionName="missing", MaximumRetryAttempts=0)
    assert missing == not_found("The function doesn't exist.")
    gone = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{unique()}"
    absent = refusal(put, DestinationConfig={"OnSuccess": {"Destination": gone}}, **named)
    assert absent == invalid(f"The destination ARN {gone} is invalid.")
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
    elsewhere = refusal(put, DestinationConfig={"OnSuccess": {"Destination": queue}}, **named)
    assert elsewhere[:2] == (400, "InvalidParameterValueException")
    assert elsewhere[2] == (
        f"Lamina does not support destinations in sqs ({queue}): "
        "no SQS is configured. Install the server with its own, pip install 'lamina[aws]', or start it with "
        "AWS_ENDPOINT_URL_SQS naming one."
    )


@pytest.mark.parametrize("retries", [0, 1])
def test_22_4_a_failing_event_is_tried_as_often_as_configured(pair: tuple[Function, Function], retries: int) -> None:
    function, other = pair
    failure = {"OnFailure": {"Destination": arn(other)}}
    configure(function, MaximumRetryAttempts=retries, DestinationConfig=failure)
    request_id = send(function, {"fail": True})
    [record] = wait_until(lambda: told(other), 30)
    context = record["requestContext"]
    assert context["condition"] == "RetriesExhausted"
    assert (context["requestId"], context["functionArn"]) == (request_id, arn(function, "$LATEST"))
    assert context["approximateInvokeCount"] == retries + 1 == len(told(function))
    assert record["requestPayload"] == {"fail": True}
    response = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responseContext"] == response
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_23_2_success_is_told_to_its_own_destination(pair: tuple[Function, Function]) -> None:
    function, other = pair
    configure(function, DestinationConfig={"OnSuccess": {"Destination": arn(other)}})
    send(function, {"a": 1})
    [record] = wait_until(lambda: told(other), 30)
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"done": {"a": 1}}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}


def test_23_2_an_event_of_a_function_that_may_never_run_is_told_of_without_a_response(
    pair: tuple[Function, Function],
) -> None:
    function, other = pair
    failure = {"OnFailure": {"Destination": arn(other)}}
    configure(function, MaximumRetryAttempts=0, DestinationConfig=failure)
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    send(function, {"a": 1})
    [record] = wait_until(lambda: told(other), 30)
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert not {"responseContext", "responsePayload"} & record.keys()
    assert told(function) == []


def test_15_3_an_event_beyond_the_reservation_waits_for_its_turn(pair: tuple[Function, Function]) -> None:
    function, _ = pair
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    for number in range(3):
        send(function, {"number": number})
    wait_until(lambda: len(told(function)) == 3, 30)
    assert sorted(event["number"] for event in told(function)) == [0, 1, 2]


def test_22_4_an_event_too_old_for_another_run_is_told_of_at_once(tmp_path: Path) -> None:
    with Server.started(tmp_path / "state") as server:
        function, other = create(server, TELLER), create(server, TELLER)
        failure = {"OnFailure": {"Destination": arn(other)}}
        configure(function, MaximumEventAgeInSeconds=60, DestinationConfig=failure)
        send(function, {"fail": True})
        [record] = wait_until(lambda: told(other), 30)
        assert record["requestContext"]["condition"] == "EventAgeExceeded"
        assert record["requestContext"]["approximateInvokeCount"] == 1
