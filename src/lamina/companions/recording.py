"""Which questions change what a deployment needs after a restart, and so are kept. Pure."""

from __future__ import annotations

import re
from typing import Final

from lamina.companions.messages import Question

_READING: Final = ("BatchGet", "Describe", "Get", "Head", "List")
_ACTION: Final = re.compile(r"(?:^|&)Action=(\w+)")
_SERVICE: Final = re.compile(r"Credential=[^/,\s]+/\d{8}/[^/,\s]+/([^/,\s]+)/aws4_request")
# What travels through a service, not what it is: messages do not outlive the process, as credentials do not.
_PASSING: Final = frozenset(
    (
        *("SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch", "PurgeQueue"),
        *("ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "Publish", "PublishBatch", "PutEvents"),
        "PutMetricData",
    )
)
_ACTION_BYTES_MAX: Final = 64 * 1024


def changes(question: Question, service: str) -> bool:
    """Whether *question*, once it was answered well, is to be asked again of the next process."""
    if question.method in ("GET", "HEAD", "OPTIONS") or service == "sts":
        return False
    operation = operation_of(question)
    if operation is None:
        return True
    return not operation.startswith(_READING) and operation not in _PASSING


def operation_of(question: Question) -> str | None:
    """The operation's name where a protocol tells it; None where path and method do."""
    target = question.header("x-amz-target")
    if target is not None:
        return target.rpartition(".")[2]
    if not (question.header("content-type") or "").startswith("application/x-www-form-urlencoded"):
        return None
    body = b"".join(question.body)[:_ACTION_BYTES_MAX].decode("latin-1")
    found = _ACTION.search(body) or _ACTION.search(question.query)
    return None if found is None else found[1]


def service_of(question: Question) -> str:
    """What *question* was signed for; S3 where nothing says so, since only it is asked without."""
    found = _SERVICE.search(question.header("authorization") or "")
    return "s3" if found is None else found[1]
