"""Errors of the caller's own making, in the Lambda API's words.

Each code the API uses has one constructor here, so that its HTTP status and whether its body carries `Type` are
stated once. How the message member is spelt on the wire (`Message` or `message`) is the wire's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_NOTHING: Mapping[str, object] = MappingProxyType({})


class ApiError(Exception):
    """An error the caller must act on, as the Lambda API words it.

    `code` is the exception's name ("ResourceNotFoundException"), `status` the HTTP status, `message` what is wrong
    (empty where AWS says nothing: it is null on the wire then), `kind` the body's `Type` ("User", "Service", or None
    where AWS sends no such member), `members` whatever else the body holds.
    """

    def __init__(
        self,
        code: str,
        status: int,
        message: str,
        kind: str | None = "User",
        members: Mapping[str, object] = _NOTHING,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.message = message
        self.kind = kind
        self.members = members


def resource_not_found(message: str) -> ApiError:
    """What was named does not exist: 404."""
    return ApiError("ResourceNotFoundException", 404, message)


def invalid_parameter_value(message: str, *, kind: str | None = "User") -> ApiError:
    """A well-formed request that asks for something impossible: 400. A few of AWS's texts come without a kind."""
    return ApiError("InvalidParameterValueException", 400, message, kind)


def resource_conflict(message: str) -> ApiError:
    """It exists already, or something else is changing it: 409."""
    return ApiError("ResourceConflictException", 409, message)


def precondition_failed(message: str) -> ApiError:
    """The RevisionId given is not the current one: 412."""
    return ApiError("PreconditionFailedException", 412, message)


def too_many_requests(message: str, reason: str) -> ApiError:
    """No free concurrency: 429, with the Reason by which callers tell the limits apart."""
    return ApiError("TooManyRequestsException", 429, message, members={"Reason": reason})


def recursive_invocation() -> ApiError:
    """The function has come by itself too often: 400."""
    return ApiError(
        "RecursiveInvocationException",
        400,
        "Lambda detected that the function was invoked in a recursive loop with other resources, and stopped it.",
    )


def validation(message: str) -> ApiError:
    """A request that breaks the model's constraints: 400 without a kind."""
    return ApiError("ValidationException", 400, message, None)


def access_denied(message: str) -> ApiError:
    """The caller may not do this to a resource of another account: 403 without a kind."""
    return ApiError("AccessDeniedException", 403, message, None)


def request_too_large(message: str) -> ApiError:
    """An upload or a request over the limit: 413 without a kind."""
    return ApiError("RequestEntityTooLargeException", 413, message, None)


def invalid_request_content(message: str) -> ApiError:
    """An invocation's payload that is not JSON: 400."""
    return ApiError("InvalidRequestContentException", 400, message)


def code_storage_exceeded(message: str) -> ApiError:
    """The account's storage for functions and layers is full: 400."""
    return ApiError("CodeStorageExceededException", 400, message)


def policy_length_exceeded(message: str) -> ApiError:
    """A resource policy that would be longer than AWS lets it be: 400."""
    return ApiError("PolicyLengthExceededException", 400, message)


def code_verification_failed(message: str) -> ApiError:
    """An archive without a signature that the function's code signing configuration accepts: 400."""
    return ApiError("CodeVerificationFailedException", 400, message)


def code_signing_config_not_found(message: str) -> ApiError:
    """The code signing configuration that a function is to have is not there: 404."""
    return ApiError("CodeSigningConfigNotFoundException", 404, message)


def provisioned_concurrency_not_found() -> ApiError:
    """Nothing is provisioned for the version or alias: 404."""
    return ApiError(
        "ProvisionedConcurrencyConfigNotFoundException",
        404,
        "No Provisioned Concurrency Config found for this function",
    )


def service_exception(message: str) -> ApiError:
    """We failed, not the caller: 500. SDKs retry it."""
    return ApiError("ServiceException", 500, message, "Service")


def not_implemented(operation: str, code: str) -> ApiError:
    """A known operation that is not built yet.

    A 4xx, of a *code* that the operation may answer, because SDKs retry 5xx several times, and trying again cannot
    help.
    """
    return ApiError(code, 400, f"Lamina does not implement {operation}.")


def not_supported(setting: str, because: str) -> ApiError:
    """A setting that Lamina would have to ignore; refused instead, so that nobody relies on it by mistake."""
    return invalid_parameter_value(f"Lamina does not support {setting}: {because}")
