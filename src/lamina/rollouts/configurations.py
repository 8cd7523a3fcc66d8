"""From what the Lambda API answers to what is kept of it: any endpoint's answers, listed ones like single ones.

A listing leaves out what only a single look tells (State, LastUpdateStatus), and endpoints differ in whether they send
an empty member or none: what is compared later is only what all of them send alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from lamina.names import LATEST
from lamina.rollouts.consumers import Alias, Consumer, Place, Routing

# Not in a configuration's fingerprint: what an update of layers changes by itself, what is only listed sometimes, and
# what a consumer keeps as it is.
_NOT_COMPARED: Final = frozenset(
    (
        "CodeSize",
        "ConfigSha256",
        "FunctionArn",
        "FunctionName",
        "LastModified",
        "LastUpdateStatus",
        "LastUpdateStatusReason",
        "LastUpdateStatusReasonCode",
        "Layers",
        "MasterArn",
        "ResponseMetadata",
        "RevisionId",
        "RuntimeVersionConfig",
        "SigningJobArn",
        "SigningProfileVersionArn",
        "State",
        "StateReason",
        "StateReasonCode",
        "Version",
    )
)
# Of these the endpoint adds members of its own once they are set.
_ONLY: Final = {"SnapStart": ("ApplyOn",), "VpcConfig": ("SubnetIds", "SecurityGroupIds")}
_SHORT: Final = 16


def consumer(place: Place, answer: Mapping[str, Any]) -> Consumer:
    """The version of a function that *answer*, a FunctionConfiguration, describes."""
    version = answer.get("Version") or LATEST
    arn = answer["FunctionArn"]
    failed = answer.get("LastUpdateStatus") == "Failed" or answer.get("State") == "Failed"
    reasons = (answer.get("LastUpdateStatusReason"), answer.get("StateReason"), "the endpoint gives no reason")
    return Consumer(
        place=place,
        function=":".join(arn.split(":")[:7]),
        version=version,
        layers=tuple(layer["Arn"] for layer in answer.get("Layers") or ()),
        runtime=answer.get("Runtime"),
        architectures=tuple(answer.get("Architectures") or ("x86_64",)),
        description=answer.get("Description") or "",
        code_sha256=answer.get("CodeSha256") or "",
        revision_id=answer.get("RevisionId") or "",
        members={name: _hash(value) for name, value in _compared(answer).items()},
        settling=answer.get("LastUpdateStatus") == "InProgress" or answer.get("State") == "Pending",
        failure=next(filter(None, reasons)) if failed else None,
    )


def alias(answer: Mapping[str, Any]) -> Alias:
    """The alias that *answer*, an AliasConfiguration, describes."""
    weights = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    routing = Routing(answer["FunctionVersion"], {version: float(share) for version, share in weights.items()})
    return Alias(answer["Name"], routing, answer.get("RevisionId") or "")


def _compared(answer: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: _pruned(name, value) for name, value in answer.items() if name not in _NOT_COMPARED}
    return {name: value for name, value in kept.items() if value not in (None, "", [], {})}


def _pruned(name: str, value: Any) -> Any:
    if name not in _ONLY or not isinstance(value, Mapping):
        return value
    return {member: value[member] for member in _ONLY[name] if value.get(member)}


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_SHORT]
