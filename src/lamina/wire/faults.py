"""What the wire answers to a request it can't accept, in AWS's words."""

from __future__ import annotations


class WireError(Exception):
    """A request that never reaches an operation; the four fields are the whole answer."""

    def __init__(self, code: str, status: int, message: str, kind: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.status, self.message, self.kind = code, status, message, kind


class UnknownOperation(WireError):
    """No operation of the model is asked for in this way."""

    def __init__(self, message: str, status: int = 404) -> None:
        super().__init__("UnknownOperationException", status, message)


class Invalid(WireError):
    """The operation is known; its input does not hold what the model asks for."""


def unreadable(message: str) -> Invalid:
    """The error for bytes that are not the shape the model gives: bad JSON, a list for a string, bad base64."""
    return Invalid("SerializationException", 400, message)


def violated(violations: list[str], code: str) -> Invalid:
    """The one answer to all *violations* of a request, in the order given (at least one); *code* is the service's."""
    noun = "error" if len(violations) == 1 else "errors"
    return Invalid(code, 400, f"{len(violations)} validation {noun} detected: {'; '.join(violations)}")
