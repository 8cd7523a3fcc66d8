"""Runtime identifiers: which of those the wire knows a function may be given."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from lamina import errors
from lamina.names import Scope

# Everything in the model that is missing from the set AWS prints and is not newer than its recording.
RETIRED = frozenset(
    (
        "nodejs",
        "nodejs4.3",
        "nodejs4.3-edge",
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


_IDENTIFIER = re.compile(r"([a-z]+?)(?:core)?(\d[\d.]*|\.al\d+)?(?:\.x|\.al\d+)?(?:-edge)?")


@dataclass(frozen=True, slots=True)
class Language:
    """What a runtime's id says: "nodejs22.x" is ("nodejs", "22"), "provided.al2023" is ("provided", "al2023").

    Of ids that differ only in the system below ("java17.al2023") the language is the same.
    """

    family: str
    version: str

    @classmethod
    def of(cls, runtime: str) -> Language:
        parts = _IDENTIFIER.fullmatch(runtime)
        return cls(parts[1], (parts[2] or "").strip(".")) if parts else cls(runtime, "")


def check_runtime(runtime: str) -> None:
    """Raise AWS's error for a retired *runtime*; the wire has refused unknown ones.

    Whether it is installed here is asked at Invoke: a template that names one must deploy, as on AWS.
    """
    if runtime in RETIRED:
        raise errors.invalid_parameter_value(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    if runtime == "custom":
        raise errors.not_supported("Runtime custom", "there are no customer-managed runtimes; use provided.al2023.")


@lru_cache(maxsize=256)
def runtime_version_arn(scope: Scope, runtime: str, architecture: str) -> str:
    """The ARN that RuntimeVersionConfig shows: one per runtime and architecture, and of no account."""
    digest = hashlib.sha256(f"{runtime}/{architecture}".encode()).hexdigest()
    return f"arn:{scope.partition}:lambda:{scope.region}::runtime:{digest}"
