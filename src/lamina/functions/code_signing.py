"""Code signing: configurations, and what one that is enforced does to an archive nobody signed.

Signatures of AWS Signer can be checked by AWS only. So every archive counts as unsigned here: `Warn` lets it pass, as
on AWS, and `Enforce` refuses it in AWS's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import errors
from lamina.names import Scope

WARN = "Warn"
ENFORCE = "Enforce"
_PREFIX = "code-signing-config:"


def arn(scope: Scope, config_id: str) -> str:
    """The ARN of the configuration *config_id*."""
    return scope.arn(resource(config_id))


def resource(config_id: str) -> str:
    """How that ARN ends."""
    return f"{_PREFIX}{config_id}"


def config_id(text: str) -> str:
    """The identifier in an ARN, whose pattern the wire has checked."""
    return text.rpartition(":")[2]


def changed(before: Mapping[str, Any], request: Mapping[str, Any], now: str) -> dict[str, Any]:
    """The configuration that *request* makes of *before*; empty before it is created."""
    policies = request.get("CodeSigningPolicies") or before.get("CodeSigningPolicies") or {}
    description = request.get("Description")
    return {
        "Description": before.get("Description", "") if description is None else description,
        "AllowedPublishers": request.get("AllowedPublishers") or before["AllowedPublishers"],
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": policies.get("UntrustedArtifactOnDeployment") or WARN},
        "LastModified": now,
    }


def describe(scope: Scope, config: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The CodeSigningConfig as the API shows it."""
    return {"CodeSigningConfigId": config, "CodeSigningConfigArn": arn(scope, config), **document}


def check_unsigned(document: Mapping[str, Any] | None, function: str) -> None:
    """Raise AWS's error if the configuration in *document* lets no unsigned archive into *function*."""
    if document is not None and document["CodeSigningPolicies"]["UntrustedArtifactOnDeployment"] == ENFORCE:
        raise errors.code_verification_failed(
            "Lambda cannot deploy the function. The function or layer might be signed using a signature that the "
            f"client is not configured to accept. Check the provided signature for {function}."
        )


def not_found(text: str) -> errors.ApiError:
    """AWS's error about a configuration that is not there, told to whoever manages configurations."""
    return errors.resource_not_found(f"The Lambda code signing configuration {text} can not be found.")


def not_attachable(text: str) -> errors.ApiError:
    """The same, told to whoever gives one to a function: a code of its own."""
    return errors.code_signing_config_not_found(
        f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {text}."
    )
