"""Functions that S3, SNS and EventBridge invoke: declared in a template, or made by hand, across accounts and kills."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import stacks
from tests.support.functions import create, unique, wait_until
from tests.support.runtimes import NEWEST
from tests.support.server import ACCOUNT, REGION, Server

pytestmark = pytest.mark.anybody

OTHER = "111122223333"
CODE = "def handler(event, context): return 'done'\n"
LOOPING = """
import boto3
def handler(event, context):
    found = event["Records"][0]["s3"]
    boto3.client("s3").put_object(Bucket=found["bucket"]["name"], Key=str(int(found["object"]["key"]) + 1), Body=b"")
"""
# What the function was handed is told to the queue, with what it answered.
TEMPLATE: dict[str, Any] = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Function": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Runtime": NEWEST,
                "Handler": "index.handler",
                "InlineCode": CODE,
                "EventInvokeConfig": {
                    "DestinationConfig": {"OnSuccess": {"Type": "SQS", "Destination": {"Fn::GetAtt": ["Queue", "Arn"]}}}
                },
                "Events": {
                    "Put": {
                        "Type": "S3",
                        "Properties": {
                            "Bucket": {"Ref": "Bucket"},
                            "Events": "s3:ObjectCreated:*",
                            "Filter": {"S3Key": {"Rules": [{"Name": "suffix", "Value": ".csv"}]}},
                        },
                    },
                    "Said": {"Type": "SNS", "Properties": {"Topic": {"Ref": "Topic"}}},
                    "Ordered": {
                        "Type": "EventBridgeRule",
                        "Properties": {"Pattern": {"source": ["shop"]}, "InputPath": "$.detail"},
                    },
                },
            },
        },
    },
}


class Told:
    """What functions were handed that tell the queue at *url*."""

    def __init__(self, server: Server, url: str) -> None:
        self._sqs, self._url = server.client("sqs"), url

    def next(self) -> Any:
        """The event that comes next."""
        (message,) = wait_until(
            lambda: self._sqs.receive_message(QueueUrl=self._url, WaitTimeSeconds=5).get("Messages"), 60, "an event"
        )
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])["requestPayload"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server.started(tmp_path_factory.mktemp("triggers") / "state") as started:
        yield started


@pytest.fixture
def telling(server: Server) -> tuple[str, Told]:
    """A function's ARN, and what it was handed."""
    sqs, name = server.client("sqs"), unique("told")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    function = create(server, CODE, name=name)
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    function.client.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": queue}}
    )
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}", Told(server, url)


def test_the_events_of_a_template_invoke_its_function_once_whatever_is_killed(tmp_path: Path) -> None:
    """Neither is a question that is repeated for the next process heard twice."""
    server = Server.start(tmp_path / "state")
    try:
        name = unique("stack")
        assert stacks.create(server, name, TEMPLATE) == "CREATE_COMPLETE"
        made = stacks.physical_ids(server, name)
        told = Told(server, made["Queue"])
        s3, sns, events = server.client("s3"), server.client("sns"), server.client("events")
        s3.put_object(Bucket=made["Bucket"], Key="a.txt", Body=b"not meant")
        s3.put_object(Bucket=made["Bucket"], Key="a b.csv", Body=b"content")
        record = told.next()["Records"][0]
        assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
        assert record["s3"]["bucket"]["name"] == made["Bucket"]
        assert record["s3"]["object"]["key"] == "a+b.csv"
        assert record["s3"]["object"]["size"] == 7
        kind = {"kind": {"DataType": "String", "StringValue": "new"}}
        sent = sns.publish(TopicArn=made["Topic"], Message="text", Subject="subject", MessageAttributes=kind)
        said = told.next()["Records"][0]["Sns"]
        assert (said["TopicArn"], said["MessageId"], said["Message"]) == (made["Topic"], sent["MessageId"], "text")
        assert (said["Subject"], said["MessageAttributes"]["kind"]["Value"]) == ("subject", "new")
        for source in ("other", "shop"):
            events.put_events(Entries=[{"Source": source, "DetailType": "order", "Detail": json.dumps({"id": source})}])
        assert told.next() == {"id": "shop"}
        server.kill()
    finally:
        server.kill()
    with Server.started(tmp_path / "state") as server:
        told = Told(server, made["Queue"].replace(made["Queue"].split("/")[2], server.endpoint.split("/")[2]))
        server.client("s3").put_object(Bucket=made["Bucket"], Key="next.csv", Body=b"")
        assert told.next()["Records"][0]["s3"]["object"]["key"] == "next.csv"
        # What the template no longer has is no longer notified.
        without = copy.deepcopy(TEMPLATE)
        del without["Resources"]["Function"]["Properties"]["Events"]["Put"]
        assert stacks.update(server, name, without) == "UPDATE_COMPLETE"
        server.client("s3").put_object(Bucket=made["Bucket"], Key="late.csv", Body=b"")
        server.client("sns").publish(TopicArn=made["Topic"], Message="last")
        assert told.next()["Records"][0]["Sns"]["Message"] == "last"


def test_a_function_that_fills_the_bucket_that_invokes_it_is_stopped(server: Server) -> None:
    """After sixteen invocations, as on AWS; what would have been the next goes where failures go."""
    s3, sqs, name = server.client("s3"), server.client("sqs"), unique("loop")
    function = create(server, LOOPING, name=name, Timeout=60, MemorySize=512)
    failures = sqs.create_queue(QueueName=name)["QueueUrl"]
    function.client.put_function_event_invoke_config(
        FunctionName=name,
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"}},
    )
    function.client.add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    s3.create_bucket(Bucket=name)
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    s3.put_bucket_notification_configuration(
        Bucket=name,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    s3.put_object(Bucket=name, Key="1", Body=b"")
    (message,) = wait_until(
        lambda: sqs.receive_message(QueueUrl=failures, WaitTimeSeconds=5).get("Messages"), 60, "the end of the loop"
    )
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RecursiveInvocation"
    assert record["requestPayload"]["Records"][0]["s3"]["object"]["key"] == "17"
    assert len(s3.list_objects_v2(Bucket=name)["Contents"]) == 17


def test_a_service_invokes_nobodys_function_who_has_not_let_it_in(server: Server, telling: tuple[str, Told]) -> None:
    """Nor for an account that was not: whoever knows an ARN can subscribe it."""
    function, told = telling
    topics = {}
    for account in ("test", OTHER):
        sns = server.client("sns", account=account)
        topics[account] = sns.create_topic(Name=unique("topic"))["TopicArn"]
        sns.subscribe(TopicArn=topics[account], Protocol="lambda", Endpoint=function)

    def publish(text: str) -> None:
        for account, topic in topics.items():
            server.client("sns", account=account).publish(TopicArn=topic, Message=f"{text} {account}")

    def let_in(account: str) -> None:
        server.client().add_permission(
            FunctionName=function,
            StatementId=account,
            Action="lambda:InvokeFunction",
            Principal="sns.amazonaws.com",
            SourceArn=topics[account],
        )

    publish("unheard")
    let_in("test")
    publish("first")
    assert told.next()["Records"][0]["Sns"]["Message"] == "first test"
    let_in(OTHER)
    publish("second")
    heard = {told.next()["Records"][0]["Sns"]["Message"] for _ in topics}
    assert heard == {"second test", f"second {OTHER}"}


def test_a_rule_leads_to_a_topic_and_that_to_a_function(server: Server, telling: tuple[str, Told]) -> None:
    function, told = telling
    events, sns, name = server.client("events"), server.client("sns"), unique("rule")
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    server.client().add_permission(
        FunctionName=function, StatementId="s", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
    )
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "gone", "Arn": f"{topic}-gone"}, {"Id": "t", "Arn": topic}])
    events.put_events(Entries=[{"Source": name, "DetailType": "t", "Detail": json.dumps({"id": 7})}])
    said = told.next()["Records"][0]["Sns"]
    assert (said["TopicArn"], json.loads(said["Message"])["detail"]) == (topic, {"id": 7})


def test_a_rule_that_is_switched_off_invokes_nobody(server: Server, telling: tuple[str, Told]) -> None:
    function, told = telling
    events, name = server.client("events"), unique("rule")
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    server.client().add_permission(
        FunctionName=function,
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    transformer = {"InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": '{"id": <id>, "told": "it is <id>"}'}
    events.put_targets(Rule=name, Targets=[{"Id": "f", "Arn": function, "InputTransformer": transformer}])
    for switch, number in ((events.disable_rule, 1), (events.enable_rule, 2)):
        switch(Name=name)
        entry = {"Source": name, "DetailType": "t", "Detail": json.dumps({"id": number})}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert told.next() == {"id": 2, "told": "it is 2"}
