"""Resource policies: who, besides the owner's account, may do what. The same for layer versions and for functions.

A statement is kept as the JSON text it was answered with: its members have an order that callers see, and AWS never
words a statement anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lamina import errors
from lamina.names import LayerVersionArn

POLICY_BYTES_MAX = 20_480
# An account that is a member of whichever organisation a statement names: where nobody keeps accounts.
ANY_ORGANIZATION = "*"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, as the API shows it. `sid` is its id within the policy."""

    sid: str
    text: str


@dataclass(frozen=True, slots=True)
class Policy:
    """The statements on one resource, in the order they were added; at least one. Every change has a new RevisionId."""

    statements: tuple[Statement, ...]
    revision_id: str

    @property
    def text(self) -> str:
        """The policy document, as GetPolicy shows it."""
        statements = ",".join(statement.text for statement in self.statements)
        return f'{{"Version":"2012-10-17","Id":"default","Statement":[{statements}]}}'


def statement(
    sid: str, principal: str | Mapping[str, str], action: str, resource: str, condition: Mapping[str, Any]
) -> Statement:
    """The statement that allows *principal* to do *action*; an empty *condition* is left out."""
    members: dict[str, Any] = {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        "Resource": resource,
    }
    if condition:
        members["Condition"] = condition
    return Statement(sid, json.dumps(members, separators=(",", ":"), ensure_ascii=False))


def layer_statement(arn: LayerVersionArn, request: Mapping[str, Any]) -> Statement:
    """The statement that an AddLayerVersionPermission *request* asks for on *arn*."""
    organisation = request.get("OrganizationId")
    condition = {} if organisation is None else {"StringEquals": {"aws:PrincipalOrgID": organisation}}
    principal = request["Principal"]
    return statement(
        request["StatementId"],
        principal if principal == "*" else {"AWS": _root(principal, arn.scope.partition)},
        request["Action"],
        str(arn),
        condition,
    )


def added(before: Policy | None, new: Statement, revision_id: str) -> Policy:
    """*before* with *new* at its end; AWS's errors for a statement id that is taken, and for too long a policy."""
    statements = before.statements if before is not None else ()
    if any(statement.sid == new.sid for statement in statements):
        raise errors.resource_conflict(
            f"The statement id ({new.sid}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
    after = Policy((*statements, new), revision_id)
    length = len(after.text.encode("utf-8", "surrogatepass"))
    if length > POLICY_BYTES_MAX:
        raise errors.policy_length_exceeded(
            f"The final policy size ({length}) is bigger than the limit ({POLICY_BYTES_MAX})."
        )
    return after


def check_has(policy: Policy | None, sid: str) -> Policy:
    """*policy*, once it is certain that it holds a statement *sid*; AWS's errors otherwise."""
    if policy is None:
        raise no_policy()
    if all(statement.sid != sid for statement in policy.statements):
        raise errors.resource_not_found(f"Statement {sid} is not found in resource policy.")
    return policy


def removed(before: Policy, sid: str, revision_id: str) -> Policy | None:
    """*before* without the statement *sid*; None when that was the last, which ends the policy."""
    statements = tuple(statement for statement in before.statements if statement.sid != sid)
    return Policy(statements, revision_id) if statements else None


def no_policy() -> errors.ApiError:
    """AWS's error about a resource that nobody was granted anything on."""
    return errors.resource_not_found("No policy is associated with the given resource.")


def grants(
    policy: Policy | None,
    account: str,
    action: str,
    organization: str = ANY_ORGANIZATION,
    url_type: str | None = None,
) -> bool:
    """Whether *policy* lets another *account*, calling by itself and not through a service, do *action*.

    *organization* is the one that the account is a member of, *url_type* that of the function URL it calls, if any.
    """
    if policy is None:
        return False
    statements = (json.loads(statement.text) for statement in policy.statements)
    return any(
        members["Action"] in (f"lambda:{action}", "lambda:*", "*")
        and _is_caller(members["Principal"], account)
        and _holds(members.get("Condition", {}), organization, url_type)
        for members in statements
    )


def _is_caller(principal: str | Mapping[str, str], account: str) -> bool:
    if isinstance(principal, str):
        return principal == "*"
    # A caller here is an account, no user or role of it: only the account's root stands for all of it.
    return principal.get("AWS", "").endswith(f":iam::{account}:root")


def _holds(condition: Mapping[str, Mapping[str, str]], organization: str, url_type: str | None) -> bool:
    # The other keys come with calls that a service makes on somebody's behalf; never with a call of this API.
    known = {"lambda:FunctionUrlAuthType": url_type, "aws:PrincipalOrgID": organization or None}
    return all(
        (key == "aws:PrincipalOrgID" and organization == ANY_ORGANIZATION) or known.get(key) == value
        for keys in condition.values()
        for key, value in keys.items()
    )


def _root(principal: str, partition: str) -> str:
    return f"arn:{partition}:iam::{principal}:root" if principal.isdigit() else principal
