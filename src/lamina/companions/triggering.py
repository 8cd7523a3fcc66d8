"""What a function is handed that another service invokes: events of SNS, S3 and EventBridge, as AWS words them. Pure.

moto's own are sketches, for a Lambda of its own: other topics than the one that was published to, no sequence of S3's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

SNS: Final = "sns.amazonaws.com"
S3: Final = "s3.amazonaws.com"
EVENTS: Final = "events.amazonaws.com"
_HERE: Final = "127.0.0.1"
_FUNCTION: Final = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[^:]+(?::[^:]+)?")
# Either a string of JSON or a variable: what stands in a string is told from what stands for a value.
_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|<([^<>"]+)>', re.DOTALL)
_VARIABLE: Final = re.compile(r"<([^<>]+)>")


@dataclass(frozen=True, slots=True)
class Published:
    """A message as a topic's subscriber gets it; `at` is ISO 8601, `attributes` are Type and Value by name."""

    topic: str
    subscription: str
    id: str
    subject: str | None
    text: str
    attributes: Mapping[str, Mapping[str, str]]
    at: str


def is_function(arn: str) -> bool:
    """Whether *arn* is a function's, with or without a qualifier."""
    return _FUNCTION.fullmatch(arn) is not None


def sns_event(message: Published) -> dict[str, Any]:
    """What a function gets that is subscribed to a topic. Nobody checks signatures inside Lambda, and there is none."""
    region = message.topic.split(":")[3]
    address = f"https://sns.{region}.amazonaws.com/"
    told = {
        "Type": "Notification",
        "MessageId": message.id,
        "TopicArn": message.topic,
        "Subject": message.subject,
        "Message": message.text,
        "Timestamp": message.at,
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertUrl": f"{address}SimpleNotificationService.pem",
        "UnsubscribeUrl": f"{address}?Action=Unsubscribe&SubscriptionArn={message.subscription}",
        "MessageAttributes": {name: dict(value) for name, value in message.attributes.items()},
    }
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": message.subscription,
        "Sns": told,
    }
    return {"Records": [record]}


def s3_event(sketch: Mapping[str, Any], account: str, version: str | None, sequence: int) -> dict[str, Any]:
    """*sketch*, what moto says of one object, with all that AWS says; *version* where the bucket keeps versions.

    *sequence* grows from one event of a key to the next.
    """
    (record,) = sketch["Records"]
    bucket, thing = record["s3"]["bucket"], dict(record["s3"]["object"])
    if record["eventName"].startswith("ObjectRemoved:"):
        thing = {"key": thing["key"]}
    if version is not None:
        thing["versionId"] = version
    thing["sequencer"] = f"{sequence:016X}"
    request = f"{sequence:016X}"
    return {
        "Records": [
            {
                **record,
                "userIdentity": {"principalId": account},
                "requestParameters": {"sourceIPAddress": _HERE},
                "responseElements": {"x-amz-request-id": request, "x-amz-id-2": request},
                "s3": {
                    **record["s3"],
                    "bucket": {**bucket, "ownerIdentity": {"principalId": account}},
                    "object": thing,
                },
            }
        ]
    }


def rule_event(event: Mapping[str, Any], at: str) -> dict[str, Any]:
    """*event* as a rule's target gets it, which happened *at*."""
    return {name: at if name == "time" else value for name, value in event.items() if name != "ingestion-time"}


def target_input(
    target: Mapping[str, Any], event: Mapping[str, Any], rule: str, find: Callable[[str, Mapping[str, Any]], Any]
) -> str:
    """The JSON text that a rule's *target* gets of *event*: all of it, a part, a constant, or a text made of it.

    *find* gives what a JSON path leads to, None where it leads nowhere. Raises ValueError where a template does not
    come to JSON.
    """
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(find(target["InputPath"], event))
    if "InputTransformer" not in target:
        return json.dumps(event)
    transformer = target["InputTransformer"]
    values = {name: find(path, event) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values |= {
        "aws.events.rule-arn": rule,
        "aws.events.rule-name": rule.rpartition("/")[2],
        "aws.events.event.json": event,
        "aws.events.event.ingestion-time": event.get("time"),
    }
    made = _filled_in(transformer["InputTemplate"], values)
    json.loads(made)
    return made


def _filled_in(template: str, values: Mapping[str, Any]) -> str:
    def inside(variable: re.Match[str]) -> str:
        if variable[1] not in values:
            return variable[0]
        value = values[variable[1]]
        text = value if isinstance(value, str) else json.dumps(value)
        return json.dumps(text)[1:-1]

    def piece(found: re.Match[str]) -> str:
        if found[1] is None:
            return _VARIABLE.sub(inside, found[0])
        return json.dumps(values[found[1]]) if found[1] in values else found[0]

    return _PIECE.sub(piece, template)
