"""What a key may be used for, and AWS's words for the rest. Pure.

Each policy is in the spirit of one that AWS manages: AdministratorAccess, ReadOnlyAccess, PowerUserAccess without what
takes away, AWSLambdaRole. They go by the operation's name, as AWS's go by its first word, so that a new operation falls
on the careful side.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from lamina import errors
from lamina.names import Scope


class Policy(StrEnum):
    """What a user's keys are good for, in the user's own account."""

    FULL = "full"
    READ_ONLY = "read-only"
    DEPLOY_ONLY = "deploy-only"
    INVOKE_ONLY = "invoke-only"


_READING: Final = ("Get", "List", "Describe", "Head", "BatchGet", "Filter", "Lookup", "Search", "Detect", "Estimate")
_ALSO_READING: Final = frozenset(
    ("logs:StartQuery", "logs:StopQuery", "logs:TestMetricFilter", "cloudformation:ValidateTemplate")
)
# Reading in name only: AWS's ReadOnlyAccess has none of them.
_NOT_READING: Final = frozenset(
    ("secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue", "sts:GetFederationToken")
)
_TAKING_AWAY: Final = ("Delete", "Remove", "Purge", "Terminate", "Deregister", "Cancel")
# A change set is a proposal, and tools clear theirs away.
_ALSO_DEPLOYING: Final = frozenset(("cloudformation:DeleteChangeSet",))
_GRANTING: Final = frozenset(
    (
        *("lambda:AddPermission", "lambda:AddLayerVersionPermission"),
        # Here nothing but the URL's own type keeps anybody out.
        *("lambda:CreateFunctionUrlConfig", "lambda:UpdateFunctionUrlConfig"),
        *("s3:PutBucketAcl", "s3:PutObjectAcl", "s3:PutPublicAccessBlock", "s3:PutBucketOwnershipControls"),
        *("sns:AddPermission", "sqs:AddPermission", "events:PutPermission"),
    )
)
_IDENTITIES: Final = frozenset(("iam", "organizations", "account", "sso", "identitystore"))
# AWS lets anybody ask who he is, whatever his policy says.
_ALWAYS: Final = "sts:GetCallerIdentity"
_INVOKING: Final = frozenset(("lambda:InvokeFunction", "lambda:InvokeAsync", "lambda:InvokeFunctionUrl"))
# The permission's name, where it is not the operation's.
_PERMISSIONS: Final = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "lambda:InvokeWithResponseStream": "lambda:InvokeFunction",
    "lambda:GetLayerVersionByArn": "lambda:GetLayerVersion",
}


def check_allowed(policy: Policy, user: str, action: str, resource: str) -> None:
    """Raise AWS's refusal unless *policy* lets *user*, an ARN, do *action* ("lambda:DeleteFunction")."""
    permission = _PERMISSIONS.get(action, action)
    if not allows(policy, permission):
        raise errors.access_denied(
            f"User: {user} is not authorized to perform: {permission} on resource: {resource} "
            f"because no identity-based policy allows the {permission} action"
        )


def allows(policy: Policy, permission: str) -> bool:
    """Whether *policy* includes *permission*, such as "lambda:InvokeFunction"."""
    service, _, name = permission.partition(":")
    if policy is Policy.FULL or permission == _ALWAYS:
        return True
    if policy is Policy.INVOKE_ONLY:
        return permission in _INVOKING
    reads = (name.startswith(_READING) or permission in _ALSO_READING) and permission not in _NOT_READING
    if policy is Policy.READ_ONLY or service in _IDENTITIES:
        return reads
    grants = permission in _GRANTING or (name.startswith("Put") and name.endswith("Policy"))
    takes_away = name.startswith(_TAKING_AWAY) and permission not in _ALSO_DEPLOYING
    return not (grants or takes_away)


def resource_of(service: str, scope: Scope, parameters: Mapping[str, Any]) -> str:
    """The resource that a refusal names: what *parameters* name of Lambda's, or everything."""
    if service != "lambda":
        return "*"
    for member in ("Resource", "Arn", "FunctionName", "LayerName"):
        name = parameters.get(member)
        if not isinstance(name, str):
            continue
        if name.startswith("arn:"):
            return name
        if member == "FunctionName":
            return scope.arn(f"function:{name}")
        if member == "LayerName":
            number = parameters.get("VersionNumber")
            return scope.arn(f"layer:{name}" if number is None else f"layer:{name}:{number}")
    return "*"


def action_of_rest(service: str, method: str, query: str) -> str:
    """The permission that a request takes whose operation only path and method tell, as S3's do; near to AWS's name."""
    first = {"GET": "Get", "HEAD": "Head", "DELETE": "Delete"}.get(method, "Put")
    if service != "s3":
        return f"{service}:{first}Resource"
    asked = {part.partition("=")[0] for part in query.split("&")}
    if method == "POST" and "delete" in asked:
        return "s3:DeleteObject"
    for subresource, name in _SUBRESOURCES.items():
        if subresource in asked:
            return f"s3:{first}{name}"
    return f"s3:{first}Object"


_SUBRESOURCES: Final = {
    "acl": "ObjectAcl",
    "policy": "BucketPolicy",
    "publicAccessBlock": "PublicAccessBlock",
    "ownershipControls": "BucketOwnershipControls",
}
