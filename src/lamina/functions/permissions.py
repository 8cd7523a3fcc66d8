"""The statements of functions' resource policies: which principals there are, and in what words conditions stand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lamina import errors
from lamina.layers.policies import Policy, Statement, statement
from lamina.names import FunctionArn

_ACCOUNT = re.compile(r"\d{12}")
_IDENTITY = re.compile(r"arn:aws[a-zA-Z-]*:(?:iam|sts)::\d{12}:.+")
# Alexa's is the one that is not under amazonaws.com.
_SERVICE = re.compile(r"[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*\.(?:amazonaws\.(?:com(?:\.cn)?|eu)|amazon\.com)")

# Parameter -> the key that the statement compares with it, in AWS's order.
_EQUALS = (
    ("SourceAccount", "AWS:SourceAccount"),
    ("FunctionUrlAuthType", "lambda:FunctionUrlAuthType"),
    ("PrincipalOrgID", "aws:PrincipalOrgID"),
    ("EventSourceToken", "lambda:EventSourceToken"),
)


def function_statement(arn: FunctionArn, request: Mapping[str, Any]) -> Statement:
    """The statement that an AddPermission *request* asks for on *arn*; AWS's error for what is no principal."""
    return statement(
        request["StatementId"],
        _principal(request["Principal"], arn.scope.partition),
        request["Action"],
        str(arn),
        _condition(request),
    )


def _principal(principal: str, partition: str) -> str | Mapping[str, str]:
    if principal == "*":
        return principal
    if _ACCOUNT.fullmatch(principal):
        return {"AWS": f"arn:{partition}:iam::{principal}:root"}
    if _IDENTITY.fullmatch(principal):
        return {"AWS": principal}
    if _SERVICE.fullmatch(principal):
        return {"Service": principal}
    raise errors.invalid_parameter_value(
        "The provided principal was invalid. Please check the principal and try again."
    )


def _condition(request: Mapping[str, Any]) -> Mapping[str, Any]:
    condition: dict[str, Any] = {}
    equals = {key: request[member] for member, key in _EQUALS if request.get(member) is not None}
    if equals:
        condition["StringEquals"] = equals
    if request.get("InvokedViaFunctionUrl") is not None:
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": str(request["InvokedViaFunctionUrl"]).lower()}
    if request.get("SourceArn") is not None:
        condition["ArnLike"] = {"AWS:SourceArn": request["SourceArn"]}
    return condition


def lets_service(policy: Policy | None, service: str, source: str, account: str) -> bool:
    """Whether *policy*, a function's, lets *service* invoke it on behalf of *source*, an ARN of *account*."""
    if policy is None:
        return False
    return any(_lets(json.loads(each.text), service, source, account) for each in policy.statements)


def _lets(members: Mapping[str, Any], service: str, source: str, account: str) -> bool:
    told = {"aws:sourcearn": source, "aws:sourceaccount": account}
    principal = members["Principal"]
    return (
        members["Action"] in ("lambda:InvokeFunction", "lambda:*", "*")
        and (principal == "*" or (isinstance(principal, Mapping) and principal.get("Service") == service))
        and all(
            key.lower() in told and _is_like(told[key.lower()], wanted)
            for keys in members.get("Condition", {}).values()
            for key, wanted in keys.items()
        )
    )


def _is_like(text: str, pattern: str) -> bool:
    """Whether *text* is *pattern*, in which * stands for any characters and ? for one, within a part of an ARN."""
    parts, patterns = text.split(":", 5), pattern.split(":", 5)
    return len(parts) == len(patterns) and all(map(_matches, parts, patterns))


def _matches(text: str, pattern: str) -> bool:
    wild = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(wild, text, re.DOTALL) is not None
