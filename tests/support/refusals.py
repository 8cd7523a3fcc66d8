"""Errors of the API as a test compares them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

P_CREATE = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
P_QUALIFIER = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"


def refusal(call: Callable[..., Any], **request: Any) -> tuple[int, str, str | None]:
    """How *call* is refused: HTTP status, code, message."""
    with pytest.raises(ClientError) as raised:
        call(**request)
    response = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


def not_found(message: str) -> tuple[int, str, str]:
    return 404, "ResourceNotFoundException", message


def invalid(message: str) -> tuple[int, str, str]:
    return 400, "InvalidParameterValueException", message


def conflict(message: str) -> tuple[int, str, str]:
    return 409, "ResourceConflictException", message


def failed_precondition(api: str = "GetFunction/GetAlias") -> tuple[int, str, str]:
    sentence = (
        "The Revision Id provided does not match the latest Revision Id. "
        f"Call the {api} API to retrieve the latest Revision Id"
    )
    return 412, "PreconditionFailedException", sentence


def violation(value: str, path: str, constraint: str) -> tuple[int, str, str]:
    """The answer to one violated constraint; *value* as it is printed, quotes included where it has them."""
    sentence = f"1 validation error detected: Value {value} at '{path}' failed to satisfy constraint: {constraint}"
    return 400, "ValidationException", sentence


def denied(account: str, action: str, resource: str) -> tuple[int, str, str]:
    """The answer to *account*, which was not granted *action* on *resource*."""
    sentence = (
        f"User: arn:aws:iam::{account}:root is not authorized to perform: lambda:{action} on resource: {resource} "
        f"because no resource-based policy allows the lambda:{action} action"
    )
    return 403, "AccessDeniedException", sentence
