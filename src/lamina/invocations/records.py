"""What a destination is sent about an asynchronous invocation that is over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from lamina.invocations.calls import Outcome
from lamina.names import LATEST, FunctionArn

SUCCESS = "Success"


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: `condition` as the record says it, after *runs* runs; `outcome` is the last one's, if it ran."""

    condition: str
    runs: int
    outcome: Outcome | None


def record(request_id: str, function: FunctionArn, payload: bytes, ended: Ended, now: float) -> str:
    """The record, members in AWS's order. *function* as it was invoked; *now* in seconds since the epoch."""
    moment = datetime.fromtimestamp(now, UTC)
    members: dict[str, object] = {
        "version": "1.0",
        "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z",
        "requestContext": {
            "requestId": request_id,
            "functionArn": str(function.qualified(function.qualifier or LATEST)),
            "condition": ended.condition,
            "approximateInvokeCount": ended.runs,
        },
        "requestPayload": json.loads(payload),
    }
    if ended.outcome is not None:
        context: dict[str, object] = {"statusCode": 200, "executedVersion": ended.outcome.version or LATEST}
        if ended.outcome.function_error is not None:
            context["functionError"] = ended.outcome.function_error
        members["responseContext"] = context
        members["responsePayload"] = _response(ended.outcome.payload)
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False)


def _response(payload: bytes) -> object:
    """What a runtime answered; one of a customer's own need not answer JSON."""
    try:
        return json.loads(payload or b"null")
    except (ValueError, RecursionError):
        return payload.decode(errors="replace")
