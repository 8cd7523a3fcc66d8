"""Functions that are handed what comes into queues: batches, what failed in them, switches, filters and restarts."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.functions import Function, create, unique, wait_until
from tests.support.logs import logged
from tests.support.refusals import invalid, refusal
from tests.support.server import ACCOUNT, REGION, Server

pytestmark = pytest.mark.anybody

OTHER = "111122223333"
# Fails at messages as their bodies say, and prints what it was handed.
CODE = textwrap.dedent(
    """
    import json

    def handler(event, context):
        print(json.dumps(event))
        bodies = {each["messageId"]: each["body"] for each in event["Records"]}
        if "raise" in bodies.values():
            raise ValueError("no")
        return {"batchItemFailures": [{"itemIdentifier": key} for key, body in bodies.items() if body == "fail"]}
    """
)


class Queue:
    """A queue of *server*'s, and what the functions were handed that are mapped to it."""

    def __init__(self, server: Server, account: str = ACCOUNT, **attributes: Any) -> None:
        self.server, self.name = server, unique("queue")
        self.arn = f"arn:aws:sqs:{REGION}:{account}:{self.name}"
        self.sqs = server.client("sqs", account=account)
        told = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in attributes.items()}
        self.url = self.sqs.create_queue(QueueName=self.name, Attributes=told)["QueueUrl"]

    def send(self, *bodies: str, **more: Any) -> None:
        entries = [{"Id": str(place), "MessageBody": body, **more} for place, body in enumerate(bodies)]
        assert not self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries).get("Failed")

    def wait_until_empty(self) -> None:
        """Returns once nothing is in it, seen or unseen."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        wait_until(
            lambda: (
                set(self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"].values())
                == {"0"}
            ),
            20,
            f"an empty {self.name}",
        )

    def received(self) -> list[str]:
        """What anybody who asks it now gets."""
        found = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
        return sorted(each["Body"] for each in found)

    def map(self, function: Function, **more: Any) -> str:
        """Its mapping to *function*."""
        made = function.client.create_event_source_mapping(
            EventSourceArn=self.arn, **({"FunctionName": function.name} | more)
        )
        assert made["State"] == "Creating"
        uuid: str = made["UUID"]
        return uuid


def handed(server: Server, function: Function) -> list[list[dict[str, Any]]]:
    """The records of each batch, in their order."""
    return [
        json.loads(line)["Records"] for line in logged(server.state, function.name) if line.startswith('{"Records"')
    ]


def bodies(server: Server, function: Function) -> list[list[str]]:
    return [[each["body"] for each in batch] for batch in handed(server, function)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server.started(tmp_path_factory.mktemp("queues") / "state") as started:
        yield started


def test_a_batch_comes_as_aws_has_it_and_is_deleted(server: Server) -> None:
    """So is what is in the queue already, what a topic sends, and what comes late; an alias is invoked."""
    queue, function = Queue(server), create(server, CODE, Publish=True)
    queue.send("one", "two", MessageAttributes={"kind": {"DataType": "Binary", "BinaryValue": b"\0\1"}})
    function.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    queue.map(function, FunctionName=f"{function.name}:live")
    queue.wait_until_empty()
    ((one, two),) = handed(server, function)
    assert (one["body"], two["body"]) == ("one", "two")
    assert one["messageId"] != two["messageId"]
    attributes = one["attributes"]
    assert attributes.keys() == {
        *("ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp")
    }
    assert attributes["ApproximateReceiveCount"] == "1"
    assert one["messageAttributes"] == {
        "kind": {"binaryValue": "AAE=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"}
    }
    assert one["md5OfBody"] == "f97c5d29941bfb1b2fdab0874906ab82"
    assert (one["eventSource"], one["eventSourceARN"], one["awsRegion"]) == ("aws:sqs", queue.arn, REGION)
    sns = server.client("sns")
    topic = sns.create_topic(Name=queue.name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"})
    queue.send("later", DelaySeconds=1)
    sns.publish(TopicArn=topic, Message="published")
    wait_until(
        lambda: bodies(server, function)[1:] == [["published"], ["later"]], 20, "what was published, and is late"
    )


def test_a_queue_in_order_has_no_window_and_tells_who_sent(server: Server) -> None:
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{unique('queue')}.fifo"
    function, sqs = create(server, CODE), server.client("sqs")
    mapping = {"FunctionName": function.name, "EventSourceArn": arn}
    windowless = invalid("Batching window is not supported for FIFO queues")
    window = {"BatchSize": 100, "MaximumBatchingWindowInSeconds": 5}
    assert refusal(function.client.create_event_source_mapping, **mapping, **window) == windowless
    url = sqs.create_queue(QueueName=arn.rpartition(":")[2], Attributes={"FifoQueue": "true"})["QueueUrl"]
    made = function.client.create_event_source_mapping(**mapping)
    assert refusal(function.client.update_event_source_mapping, UUID=made["UUID"], **window) == windowless
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"
    sqs.meta.events.register(
        "before-sign.sqs.SendMessage", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", trace)
    )
    sqs.send_message(QueueUrl=url, MessageBody="one", MessageGroupId="g", MessageDeduplicationId="d")
    wait_until(lambda: bodies(server, function) == [["one"]], 20, "the message")
    assert handed(server, function)[0][0]["attributes"]["AWSTraceHeader"] == trace


def test_what_failed_comes_again_and_goes_where_the_queue_says(server: Server) -> None:
    dead = Queue(server)
    queue = Queue(server, VisibilityTimeout="1", RedrivePolicy={"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    function = create(server, CODE)
    queue.send("fine", "fail")
    queue.map(function, FunctionResponseTypes=["ReportBatchItemFailures"])
    wait_until(lambda: bodies(server, function) == [["fine", "fail"]], 20, "a batch")
    queue.send("raise")
    gone: list[str] = []

    def are_gone() -> bool:
        gone.extend(dead.received())
        return sorted(gone) == ["fail", "raise"]

    wait_until(are_gone, 20, "dead letters")
    records = [each for batch in handed(server, function) for each in batch]
    seen = sorted((each["body"], each["attributes"]["ApproximateReceiveCount"]) for each in records)
    assert seen == [("fail", "1"), ("fail", "2"), ("fine", "1"), ("raise", "1"), ("raise", "2")]


def test_a_switch_a_filter_and_a_window(server: Server) -> None:
    queue, function = Queue(server), create(server, CODE)
    pattern = {"Filters": [{"Pattern": json.dumps({"body": {"kind": ["order"]}})}]}
    uuid = queue.map(function, Enabled=False, BatchSize=12, MaximumBatchingWindowInSeconds=30, FilterCriteria=pattern)
    order, other = json.dumps({"kind": "order"}), json.dumps({"kind": "other"})
    queue.send(*[order] * 10)
    queue.send(order, other, order)
    assert function.client.get_event_source_mapping(UUID=uuid)["State"] == "Disabled"
    assert bodies(server, function) == []
    assert function.client.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    queue.wait_until_empty()
    assert bodies(server, function) == [[order] * 12]
    function.client.update_event_source_mapping(UUID=uuid, Enabled=False)
    function.client.delete_event_source_mapping(UUID=uuid)
    queue.send(order)
    assert queue.received() == [order]


def test_accounts_and_regions_are_apart(server: Server) -> None:
    """A queue of the same name is another one."""
    function = create(server, CODE)
    theirs = Queue(server, account=OTHER)
    wrong = refusal(function.client.create_event_source_mapping, FunctionName=function.name, EventSourceArn=theirs.arn)
    assert wrong == invalid(
        f"Lamina does not support mapping {theirs.arn} to this function: a queue is served for functions of its own "
        "account and region."
    )
    own = theirs.arn.replace(OTHER, ACCOUNT)
    function.client.create_event_source_mapping(FunctionName=function.name, EventSourceArn=own)
    theirs.send("theirs")
    assert theirs.received() == ["theirs"]
    bad = {"Filters": [{"Pattern": '{"body": [{"wildcard": "*"}]}'}]}
    assert refusal(
        function.client.create_event_source_mapping,
        FunctionName=function.name,
        EventSourceArn=f"{own}-2",
        FilterCriteria=bad,
    ) == invalid("Invalid filter pattern definition.")


def test_a_mapping_outlives_the_server_and_nothing_is_handed_over_twice(tmp_path: Path) -> None:
    server = Server.start(tmp_path / "state")
    try:
        queue, function = Queue(server), create(server, CODE)
        queue.map(function)
        queue.send("before")
        wait_until(lambda: bodies(server, function) == [["before"]], 20, "the first message")
    finally:
        server.kill()
    with Server.started(tmp_path / "state") as again:
        queue.sqs = again.client("sqs")
        queue.url = queue.sqs.get_queue_url(QueueName=queue.name)["QueueUrl"]
        queue.send("behind")
        wait_until(lambda: bodies(again, function) == [["before"], ["behind"]], 20, "the second message")
