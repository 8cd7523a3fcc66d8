"""Runtime identifiers: which a function may be created with, which AWS has retired."""

from __future__ import annotations

import hashlib

from lamina import errors
from lamina.names import Scope

# In the order in which AWS's error prints them.
_LISTED = (
    "nodejs20.x",
    "python3.14",
    "provided.al2023",
    "python3.12",
    "python3.13",
    "nodejs24.x",
    "nodejs22.x",
    "java25",
    "python3.10",
    "python3.11",
    "java21",
    "ruby3.3",
    "ruby3.4",
    "ruby3.2",
    "python3.8",
    "python3.9",
    "java17",
    "nodejs16.x",
    "dotnet10",
    "dotnet8",
    "java11",
    "dotnet6",
    "nodejs18.x",
    "provided.al2",
    "java8.al2",
)
# Newer than the recording of the list above: SDKs know them, so templates that name them must deploy.
_NEWER = frozenset(("nodejs26.x", "python3.15", "ruby4.0", "java8.al2023", "java11.al2023", "java17.al2023"))
_RETIRED = frozenset(
    (
        "nodejs",
        "nodejs4.3",
        "nodejs6.10",
        "nodejs8.10",
        "nodejs10.x",
        "nodejs12.x",
        "nodejs14.x",
        "java8",
        "python2.7",
        "python3.6",
        "python3.7",
        "dotnetcore1.0",
        "dotnetcore2.0",
        "dotnetcore2.1",
        "dotnetcore3.1",
        "go1.x",
        "ruby2.5",
        "ruby2.7",
        "provided",
    )
)
CREATABLE = frozenset(_LISTED) | _NEWER


def check_runtime(runtime: str) -> None:
    """Raise AWS's error unless a function may be given *runtime*. Whether it is installed here is asked at Invoke."""
    if runtime in CREATABLE:
        return
    if runtime in _RETIRED:
        raise errors.invalid_parameter_value(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    # Not a ValidationException, and no quotes round the value: this is not how the model's other enums fail.
    raise errors.invalid_parameter_value(
        f"Value {runtime} at 'runtime' failed to satisfy constraint: "
        f"Member must satisfy enum value set: [{', '.join(_LISTED)}] or be a valid ARN"
    )


def runtime_version_arn(scope: Scope, runtime: str, architecture: str) -> str:
    """The ARN that RuntimeVersionConfig shows: one per runtime and architecture, and of no account."""
    digest = hashlib.sha256(f"{runtime}/{architecture}".encode()).hexdigest()
    return f"arn:{scope.partition}:lambda:{scope.region}::runtime:{digest}"
