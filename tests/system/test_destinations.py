"""How events ended, told to SQS, SNS, EventBridge and S3: a real server, and moto in their place."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support import foreign
from tests.support.functions import Function, create, unique, wait_until
from tests.support.refusals import invalid, refusal
from tests.support.server import REGION, Server

pytestmark = pytest.mark.anybody

CODE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("as told")
    return {"done": event}
"""
OWNER = "123456789012"
VARIABLES = [f"AWS_ENDPOINT_URL_{name}" for name in ("SQS", "SNS", "EVENTBRIDGE", "S3")]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with foreign.moto() as address:
        yield address


@pytest.fixture(scope="module")
def telling(moto: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that knows the other services, and tries a failed event again at once."""
    environ = {"LAMBDA_RETRY_BASE_DELAY": "0", **dict.fromkeys(VARIABLES, moto)}
    with Server.started(tmp_path_factory.mktemp("telling") / "state", environ) as server:
        yield server


def aws(endpoint: str, service: str) -> Any:
    return boto3.client(
        service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id=OWNER, aws_secret_access_key="s"
    )


class Queue:
    """An SQS queue and the messages that came to it."""

    def __init__(self, moto: str, name: str = "") -> None:
        self._sqs = aws(moto, "sqs")
        self._url = self._sqs.create_queue(QueueName=name or unique("q"))["QueueUrl"]
        wanted = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        self.arn: str = wanted["Attributes"]["QueueArn"]

    def one(self) -> Any:
        """The next message, waited for."""
        [message] = wait_until(self._receive, 30, "a message")
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return message

    def record(self) -> Any:
        return json.loads(self.one()["Body"])

    def _receive(self) -> list[Any]:
        found: list[Any] = self._sqs.receive_message(QueueUrl=self._url, MessageAttributeNames=["All"]).get(
            "Messages", []
        )
        return found


@pytest.fixture
def queue(moto: str) -> Queue:
    return Queue(moto)


def send(function: Function, event: Any, **options: Any) -> str:
    answer = function.client.invoke(
        FunctionName=function.name, InvocationType="Event", Payload=json.dumps(event), **options
    )
    return str(answer["ResponseMetadata"]["RequestId"])


def tell(function: Function, **destinations: str) -> None:
    config = {name: {"Destination": arn} for name, arn in destinations.items()}
    function.client.put_function_event_invoke_config(
        FunctionName=function.name, MaximumRetryAttempts=0, DestinationConfig=config
    )


def test_a_queue_gets_the_record_of_a_success_and_of_a_failure(telling: Server, queue: Queue) -> None:
    function = create(telling, CODE)
    tell(function, OnSuccess=queue.arn, OnFailure=queue.arn)
    request_id = send(function, {"a": "é"})
    record = queue.record()
    assert record["requestContext"]["requestId"] == request_id
    assert (record["requestContext"]["condition"], record["responsePayload"]) == ("Success", {"done": {"a": "é"}})
    send(function, {"fail": True})
    record = queue.record()
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responsePayload"]["errorMessage"] == "as told"


def test_a_topic_gets_the_record_as_its_message(telling: Server, moto: str, queue: Queue) -> None:
    sns = aws(moto, "sns")
    topic = sns.create_topic(Name=unique("t"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    function = create(telling, CODE)
    tell(function, OnSuccess=topic)
    request_id = send(function, {})
    assert json.loads(queue.record()["Message"])["requestContext"]["requestId"] == request_id


def test_an_event_bus_gets_the_record_as_the_detail_of_an_event(telling: Server, moto: str, queue: Queue) -> None:
    events = aws(moto, "events")
    name = unique("bus")
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    events.put_rule(Name="all", EventBusName=name, EventPattern=json.dumps({"source": ["lambda"]}))
    events.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "1", "Arn": queue.arn}])
    function = create(telling, CODE)
    tell(function, OnFailure=bus)
    request_id = send(function, {"fail": True})
    event = queue.record()
    assert event["detail-type"] == "Lambda Function Invocation Result - Failure"
    assert event["resources"] == [bus, event["detail"]["requestContext"]["functionArn"]]
    assert event["detail"]["requestContext"]["requestId"] == request_id


def test_a_bucket_gets_the_record_of_a_failure_as_an_object(telling: Server, moto: str) -> None:
    s3 = aws(moto, "s3")
    bucket = unique("bucket")
    s3.create_bucket(Bucket=bucket)
    function = create(telling, CODE)
    tell(function, OnFailure=f"arn:aws:s3:::{bucket}")
    request_id = send(function, {"fail": True})
    [found] = wait_until(lambda: s3.list_objects_v2(Bucket=bucket).get("Contents", []), 30)
    assert found["Key"].startswith(f"aws/lambda/async/{function.name}/20")
    record = json.loads(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    assert record["requestContext"]["requestId"] == request_id
    to_bucket = {"OnSuccess": {"Destination": f"arn:aws:s3:::{bucket}"}}
    put = function.client.put_function_event_invoke_config
    assert refusal(put, FunctionName=function.name, DestinationConfig=to_bucket) == invalid(
        f"The destination ARN arn:aws:s3:::{bucket} is invalid: "
        "an Amazon S3 bucket can be an OnFailure destination only."
    )


def test_a_dead_letter_queue_gets_the_event_that_was_given_up(telling: Server, queue: Queue) -> None:
    function = create(telling, CODE, DeadLetterConfig={"TargetArn": queue.arn})
    request_id = send(function, {"fail": True, "é": 1})
    message = queue.one()
    assert json.loads(message["Body"]) == {"fail": True, "é": 1}
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes == {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": "as told"}


def test_an_events_dead_letter_queue_is_its_versions_by_way_of_an_alias_too(telling: Server, queue: Queue) -> None:
    function = create(telling, CODE, DeadLetterConfig={"TargetArn": queue.arn})
    wait_until(lambda: function.settled, 30)
    named = {"FunctionName": function.name}
    version = function.client.publish_version(**named)["Version"]
    function.client.create_alias(Name="live", FunctionVersion=version, **named)
    function.update(DeadLetterConfig={"TargetArn": ""})
    send(function, {"fail": "by alias"}, Qualifier="live")
    assert json.loads(queue.one()["Body"]) == {"fail": "by alias"}
    function.client.put_function_concurrency(ReservedConcurrentExecutions=0, **named)
    send(function, {"fail": "never run"}, Qualifier="live")
    message = queue.one()
    assert json.loads(message["Body"]) == {"fail": "never run"}
    assert message["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"


def test_a_dead_letter_topic_and_a_destination_are_both_told(telling: Server, moto: str, queue: Queue) -> None:
    sns = aws(moto, "sns")
    topic = sns.create_topic(Name=unique("t"))["TopicArn"]
    dead = Queue(moto)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=dead.arn)
    function = create(telling, CODE, DeadLetterConfig={"TargetArn": topic})
    tell(function, OnFailure=queue.arn)
    send(function, {"fail": 1})
    assert queue.record()["requestPayload"] == {"fail": 1}
    assert json.loads(dead.record()["Message"]) == {"fail": 1}


def _unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _attempts(server: Server) -> Callable[[], bool]:
    return lambda: "could not be delivered to" in server.said()


def test_a_message_outlives_its_service_and_its_server(moto: str, queue: Queue, tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{_unused_port()}"
    server = Server.start(tmp_path / "state", {"AWS_ENDPOINT_URL_SQS": nowhere})
    try:
        function = create(server, CODE)
        tell(function, OnSuccess=queue.arn)
        send(function, {"kept": True})
        wait_until(_attempts(server), 30)
    finally:
        server.kill()
    with Server.started(tmp_path / "state", {"AWS_ENDPOINT_URL_SQS": moto}):
        assert queue.record()["requestPayload"] == {"kept": True}


def test_a_queue_that_is_made_late_gets_its_message(telling: Server, moto: str) -> None:
    name = unique("late")
    function = create(telling, CODE)
    tell(function, OnSuccess=f"arn:aws:sqs:{REGION}:{OWNER}:{name}")
    send(function, {"late": True})
    wait_until(lambda: f"{name}, it is tried again" in telling.said(), 30)
    assert Queue(moto, name).record()["requestPayload"] == {"late": True}


def test_lamina_without_companions_is_none_of_these_services(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    own = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "LAMINA_COMPANIONS": "0"}
    with Server.started(tmp_path / "state", own, "--port", str(port)) as server:
        function = create(server, CODE)
        put, arn = function.client.put_function_event_invoke_config, f"arn:aws:sns:{REGION}:{OWNER}:t"
        refused = refusal(put, FunctionName=function.name, DestinationConfig={"OnSuccess": {"Destination": arn}})
        assert refused[:2] == (400, "InvalidParameterValueException")
        assert "AWS_ENDPOINT_URL_SNS" in str(refused[2])
