"""What a function is handed of a queue's messages, and which of them it says it failed at: AWS's forms. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lamina.values import dataclass

# What an invocation may be sent; the braces around the records are in it.
PAYLOAD_BYTES_MAX: Final = 6 * 1024 * 1024
_OPENING: Final = b'{"Records": ['
_CLOSING: Final = b"]}"
_SEPARATOR: Final = b", "
_PARTIAL: Final = "ReportBatchItemFailures"
# How members of a message attribute are called: by the queue, and in the event.
_SINGLE: Final = (("StringValue", "stringValue"), ("BinaryValue", "binaryValue"))


@dataclass(frozen=True, slots=True)
class Message:
    """One that was received: its `record` as the function gets it, and the same as JSON text."""

    record: Mapping[str, Any]
    text: bytes

    @property
    def id(self) -> str:
        return str(self.record["messageId"])

    @property
    def handle(self) -> str:
        return str(self.record["receiptHandle"])

    @property
    def trace(self) -> str | None:
        """The trace header of the request that sent it, if it had one."""
        trace: str | None = self.record["attributes"].get("AWSTraceHeader")
        return trace


def message(received: Mapping[str, Any], queue: str) -> Message:
    """*received* as SQS's API has it, of the *queue* with this ARN."""
    attributes = received.get("MessageAttributes") or {}
    record = {
        "messageId": received["MessageId"],
        "receiptHandle": received["ReceiptHandle"],
        "body": received["Body"],
        "attributes": dict(received.get("Attributes") or {}),
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
        "md5OfBody": received["MD5OfBody"],
    }
    if attributes:
        record["md5OfMessageAttributes"] = received.get("MD5OfMessageAttributes")
    record |= {"eventSource": "aws:sqs", "eventSourceARN": queue, "awsRegion": queue.split(":")[3]}
    return Message(record, json.dumps(record).encode())


def fitting(waiting: Sequence[Message], count: int) -> int:
    """How many of *waiting*, the first ones, make a batch: at most *count*, at least one, within 6 MB."""
    room = PAYLOAD_BYTES_MAX - len(_OPENING) - len(_CLOSING)
    for place, each in enumerate(waiting[:count]):
        room -= len(each.text) + (len(_SEPARATOR) if place else 0)
        if room < 0 and place:
            return place
    return min(len(waiting), count)


def payload(batch: Sequence[Message]) -> bytes:
    """The event that a function gets of *batch*."""
    return _OPENING + _SEPARATOR.join(each.text for each in batch) + _CLOSING


def done(mapping: Mapping[str, Any], batch: Sequence[Message], answer: bytes) -> Sequence[Message]:
    """Those of *batch* that are not to come again, by the *answer* of a function that did not fail as a whole.

    One that reports failures names them; whatever it says that cannot be such a report is a failure of them all.
    """
    if _PARTIAL not in (mapping.get("FunctionResponseTypes") or ()):
        return batch
    try:
        failed = _failed(json.loads(answer or b"null"))
    except (ValueError, TypeError, KeyError, RecursionError):
        return ()
    if not failed <= {each.id for each in batch}:
        return ()
    return [each for each in batch if each.id not in failed]


def _failed(answer: Any) -> set[str]:
    """The identifiers that *answer* reports; none for nothing at all. Raises for what is no report."""
    if answer is None:
        return set()
    if not isinstance(answer, dict):
        raise TypeError("the answer is no object")
    return {_identifier(each["itemIdentifier"]) for each in answer.get("batchItemFailures") or ()}


def _identifier(given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise ValueError("an item is named by no text")
    return given


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    single = {name: value[theirs] for theirs, name in _SINGLE if value.get(theirs) is not None}
    return {**single, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
