"""What functions are handed that another service invokes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lamina.companions.triggering import Published, is_function, rule_event, s3_event, sns_event, target_input

RULE = "arn:aws:events:eu-west-1:000000000000:rule/bus/orders"
EVENT = {"source": "shop", "time": "2026-01-01T00:00:00Z", "detail": {"id": 7, "name": 'the "big" one'}}


def find(path: str, event: Any) -> Any:
    """As much of JSON paths as stands here: $.a.b."""
    for name in path.split(".")[1:]:
        event = event.get(name, {})
    return event or None


def made_of(target: dict[str, Any]) -> Any:
    return json.loads(target_input(target, EVENT, RULE, find))


def test_a_target_gets_the_event_a_part_of_it_or_a_constant() -> None:
    assert made_of({}) == EVENT
    assert made_of({"InputPath": "$.detail"}) == EVENT["detail"]
    assert made_of({"InputPath": "$.missing"}) is None
    assert made_of({"Input": '{"x": 1}'}) == {"x": 1}


def test_a_variable_is_a_value_outside_strings_and_text_within_them() -> None:
    paths = {"id": "$.detail.id", "name": "$.detail.name", "detail": "$.detail", "none": "$.missing"}
    template = (
        '{"id": <id>, "name": <name>, "all": <detail>, "none": <none>, "told": "<name> is <id>, \\"<none>\\" <x>"}'
    )
    assert made_of({"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}) == {
        "id": 7,
        "name": 'the "big" one',
        "all": EVENT["detail"],
        "none": None,
        "told": 'the "big" one is 7, "null" <x>',
    }


def test_a_template_may_name_the_rule_and_the_event() -> None:
    template = '"<aws.events.rule-name> at <aws.events.event.ingestion-time>"'
    assert made_of({"InputTransformer": {"InputTemplate": template}}) == "orders at 2026-01-01T00:00:00Z"
    assert made_of({"InputTransformer": {"InputTemplate": "<aws.events.event.json>"}}) == EVENT


def test_a_template_that_gives_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        target_input({"InputTransformer": {"InputTemplate": "plain text"}}, EVENT, RULE, find)


def test_what_only_archives_know_of_an_event_stays_with_them() -> None:
    event = rule_event({"source": "shop", "time": 1767225600.0, "ingestion-time": 1.0}, "2026-01-01T00:00:00Z")
    assert event == {"source": "shop", "time": "2026-01-01T00:00:00Z"}


def test_a_subscriber_is_told_of_its_own_topic() -> None:
    topic = "arn:aws:sns:eu-west-1:000000000000:orders"
    attributes = {"kind": {"Type": "String", "Value": "new"}}
    (record,) = sns_event(Published(topic, f"{topic}:1", "m", None, "text", attributes, "2026-01-01T00:00:00.000Z"))[
        "Records"
    ]
    assert (record["EventSource"], record["EventSubscriptionArn"]) == ("aws:sns", f"{topic}:1")
    told = record["Sns"]
    assert (told["TopicArn"], told["MessageId"], told["Message"]) == (topic, "m", "text")
    assert (told["Subject"], told["MessageAttributes"]) == (None, attributes)


def test_an_object_that_went_has_neither_size_nor_etag() -> None:
    thing = {"key": "k", "size": 3, "eTag": "e"}

    def event(name: str, version: str | None) -> Any:
        record = {"eventName": name, "s3": {"bucket": {"name": "b", "arn": "a"}, "object": thing}}
        return s3_event({"Records": [record]}, "000000000000", version, 255)["Records"][0]

    put = event("ObjectCreated:Put", "v")
    assert put["s3"]["object"] == {**thing, "versionId": "v", "sequencer": "00000000000000FF"}
    assert put["s3"]["bucket"]["ownerIdentity"] == put["userIdentity"] == {"principalId": "000000000000"}
    assert event("ObjectRemoved:Delete", None)["s3"]["object"] == {"key": "k", "sequencer": "00000000000000FF"}


def test_functions_are_told_from_what_else_a_rule_may_lead_to() -> None:
    function = "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert is_function(function)
    assert is_function(f"{function}:live")
    assert not is_function(f"{function}:live:x")
    assert not is_function("arn:aws:lambda:us-east-1:000000000000:layer:f:1")
    assert not is_function("arn:aws:sqs:us-east-1:000000000000:f")
