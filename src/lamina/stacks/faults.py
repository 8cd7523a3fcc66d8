"""What CloudFormation refuses before it begins, in its words."""

from __future__ import annotations

from lamina.errors import ApiError


def invalid(message: str) -> ApiError:
    """A template, a parameter or a request that cannot be: 400, the code that all of them share."""
    return ApiError("ValidationError", 400, message, "Sender")


def misformed(message: str) -> ApiError:
    """The same for what a template is made of."""
    return invalid(f"Template format error: {message}")


def erroneous(message: str) -> ApiError:
    """The same for an intrinsic function that cannot be resolved."""
    return invalid(f"Template error: {message}")
