"""Queues beside Lambda, for this process itself: what is in them taken out, what is done with deleted.

Asked without boto3, which takes more memory than all that is made of it here: two operations, in JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lamina.companions.companions import Companions
from lamina.companions.messages import Question

_SERVICE: Final = "sqs"
# What one question to SQS can be about.
AT_ONCE_MAX: Final = 10


class QueueRefused(Exception):
    """There is no such queue, or the service does not answer; the message says what it said."""


class Queues:
    """The queues of *companions*; queues are named by their ARN. On the loop they are on."""

    def __init__(self, companions: Companions) -> None:
        self._companions = companions

    @property
    def can_have_messages(self) -> bool:
        """Whether there is a process that messages could be in: they do not outlive it."""
        return self._companions.runs

    async def receive(self, queue: str, count: int) -> Sequence[Mapping[str, Any]]:
        """At most *count* messages, at most ten, as ReceiveMessage has them; at once, however few there are."""
        wanted = {
            "MaxNumberOfMessages": count,
            "WaitTimeSeconds": 0,
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        }
        answer = await self._ask(queue, "ReceiveMessage", wanted)
        return answer.get("Messages") or ()

    async def delete(self, queue: str, handles: Sequence[str]) -> None:
        """Delete what was received with these *handles*. One that is deleted already does no harm."""
        for begin in range(0, len(handles), AT_ONCE_MAX):
            some = handles[begin : begin + AT_ONCE_MAX]
            entries = [{"Id": str(place), "ReceiptHandle": handle} for place, handle in enumerate(some)]
            answer = await self._ask(queue, "DeleteMessageBatch", {"Entries": entries})
            if answer.get("Failed"):
                raise QueueRefused(f"DeleteMessageBatch left {answer['Failed']}")

    async def _ask(self, queue: str, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        region, account, name = queue.split(":")[3:6]
        body = json.dumps({"QueueUrl": name, **parameters}).encode()
        headers = [
            ("host", f"{_SERVICE}.{region}.amazonaws.com"),
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", f"AmazonSQS.{operation}"),
            ("authorization", f"AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/{_SERVICE}/aws4_request"),
        ]
        reply = await self._companions.ask(Question("POST", "/", headers, (body,)), _SERVICE, account)
        text = await reply.whole()
        if reply.status != 200:
            raise QueueRefused(text.decode("utf-8", "replace"))
        answer: dict[str, Any] = json.loads(text or b"{}")
        return answer
