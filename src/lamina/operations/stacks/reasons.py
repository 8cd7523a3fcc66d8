"""Why something failed, as the owner of a stack reads it."""

from __future__ import annotations

from lamina.errors import ApiError
from lamina.operations.stacks.kinds.kind import Failed, HalfMade


def reason_of(error: BaseException) -> str:
    """What *error* says, with the code of the service that it is of."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - not needed to start

    if isinstance(error, HalfMade) and error.__cause__ is not None:
        return reason_of(error.__cause__)
    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        code, message = said.get("Code", "Unknown"), said.get("Message") or "it gave no message"
        return f'Resource handler returned message: "{message}" (HandlerErrorCode: {code})'
    if isinstance(error, Failed):
        return str(error)
    if isinstance(error, ApiError):
        return error.message
    if isinstance(error, KeyError):
        return f"Properties validation failed: #: required key [{error.args[0]}] not found"
    return f"{type(error).__name__}: {error}"
