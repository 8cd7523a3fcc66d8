"""The calls that hand records and dead letters to other AWS services, as boto3 takes them. Pure.

Shapes are those of the Lambda developer guide ("Capturing records of Lambda asynchronous invocations"). The `source` of
an EventBridge event is what arrives on AWS, "lambda"; no caller may send the "aws.lambda" that the guide names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from lamina.functions.destinations import Elsewhere
from lamina.invocations.calls import Outcome
from lamina.invocations.records import SUCCESS, Ended
from lamina.names import LATEST, FunctionArn

_ERROR_MESSAGE_BYTES: Final = 1024
_HTTP_OK: Final = 200
_HTTP_THROTTLED: Final = 429


def of_record(
    target: Elsewhere, function: FunctionArn, record: str, ended: Ended, *, delivery_id: str, now: float
) -> dict[str, Any]:
    """The call that hands an invocation *record* of *function* to *target*."""
    if target.service == "sqs":
        return _call(target, "send_message", {"MessageBody": record})
    if target.service == "sns":
        return _call(target, "publish", {"TopicArn": target.arn, "Message": record})
    if target.service == "events":
        result = "Success" if ended.condition == SUCCESS else "Failure"
        entry = {
            "EventBusName": target.arn,
            "Source": "lambda",
            "DetailType": f"Lambda Function Invocation Result - {result}",
            "Detail": record,
            "Resources": [target.arn, str(function.qualified(function.qualifier or LATEST))],
        }
        return _call(target, "put_events", {"Entries": [entry]})
    moment = datetime.fromtimestamp(now, UTC)
    key = f"aws/lambda/async/{function.name}/{moment:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{delivery_id}"
    # A bucket's ARN tells no account; the record comes from the function's.
    there = replace(target, account=function.scope.account)
    return _call(there, "put_object", {"Bucket": target.name, "Key": key, "Body": record})


def of_dead_letter(target: Elsewhere, request_id: str, payload: bytes, ended: Ended) -> dict[str, Any]:
    """The call that hands the *payload* of an event that was given up to a dead-letter queue, as it came."""
    code, said = _error(ended)
    attributes = {"RequestID": _attribute("String", request_id), "ErrorCode": _attribute("Number", str(code))}
    if said:
        # No service takes an attribute without a value.
        attributes["ErrorMessage"] = _attribute("String", said)
    body = payload.decode()
    if target.service == "sqs":
        return _call(target, "send_message", {"MessageBody": body, "MessageAttributes": attributes})
    return _call(target, "publish", {"TopicArn": target.arn, "Message": body, "MessageAttributes": attributes})


def _call(target: Elsewhere, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "service": target.service,
        "account": target.account,
        "region": target.region,
        "name": target.name,
        "operation": operation,
        "parameters": parameters,
    }


def _attribute(kind: str, value: str) -> dict[str, str]:
    return {"DataType": kind, "StringValue": value}


def _error(ended: Ended) -> tuple[int, str]:
    """The status of the last run, and the first kilobyte of what it said; of an event that never ran, of being kept."""
    if ended.outcome is None:
        return _HTTP_THROTTLED, "Rate Exceeded."
    return _HTTP_OK, _first(_message(ended.outcome))


def _message(outcome: Outcome) -> str:
    try:
        said = json.loads(outcome.payload)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, Mapping) and isinstance(said.get("errorMessage"), str):
        return str(said["errorMessage"])
    return outcome.payload.decode(errors="replace")


def _first(text: str) -> str:
    # What is cut in the middle of a character loses that character.
    return text.encode(errors="replace")[:_ERROR_MESSAGE_BYTES].decode(errors="ignore")
