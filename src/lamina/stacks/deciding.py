"""What is to be done with one resource, and what a change set says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lamina.stacks.faults import invalid
from lamina.stacks.stack import Resource
from lamina.stacks.templates import Declaration
from lamina.stacks.types import rule

# What AWS shows for a value that is not known before the resource it is of has been made.
LATER = "{{changeSet:KNOWN_AFTER_APPLY}}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A resource as it is to be: declared, its properties resolved."""

    declared: Declaration
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """`action` is "create", "update", "replace" or "nothing"; `changed` the properties that differ."""

    action: str
    changed: tuple[str, ...] = ()


def decide(before: Resource | None, wanted: Wanted) -> Decision:
    """What to do, so that the resource *before* becomes what is *wanted*."""
    declared = wanted.declared
    if before is None or not before.physical_id:
        return Decision("create")
    if before.type != declared.type:
        return Decision("replace")
    names = {*before.properties, *wanted.properties}
    known = rule(declared.type)
    # A name that was made up stays.
    if known.name is not None and known.name not in wanted.properties:
        names.discard(known.name)
    changed = tuple(sorted(name for name in names if before.properties.get(name) != wanted.properties.get(name)))
    if not changed:
        # One that could not be changed is as it was recorded to be wanted, and not so.
        return Decision("update" if before.status == "UPDATE_FAILED" and known.fixed is not None else "nothing")
    if known.fixed is None or not known.fixed.isdisjoint(changed):
        return Decision("replace", changed)
    return Decision("update", changed)


def check_replaceable(before: Resource, wanted: Wanted) -> None:
    """Raise the API's error where *before* cannot make room: its name was chosen, and stays, so there cannot be two."""
    known = rule(before.type)
    if known.name is None or known.shared or before.type != wanted.declared.type:
        return
    name = wanted.properties.get(known.name)
    if name is not None and name == before.properties.get(known.name):
        raise invalid(
            "CloudFormation cannot update a stack when a custom-named resource requires replacing."
            f" Rename {name} and update the stack again."
        )


def change(before: Resource | None, wanted: Wanted | None) -> Mapping[str, Any] | None:
    """The change from *before* to *wanted*, as a change set shows it; None where there is none.

    In the properties of what is *wanted*, LATER stands for what is not known yet.
    """
    if wanted is None:
        assert before is not None
        kept = {"Retain": "Retain", "RetainExceptOnCreate": "Retain"}.get(before.deletion_policy, "Delete")
        return _shown("Remove", before.logical_id, before.type, before.physical_id, policy_action=kept)
    declared = wanted.declared
    decision = decide(before, wanted)
    if decision.action == "create" or before is None:
        return _shown("Add", declared.logical_id, declared.type, None)
    if decision.action == "nothing":
        if before.metadata == declared.metadata and before.deletion_policy == declared.deletion_policy:
            return None
        scope = ["Metadata"] if before.metadata != declared.metadata else ["DeletionPolicy"]
        return _shown(
            "Modify",
            declared.logical_id,
            declared.type,
            before.physical_id,
            replacement="False",
            scope=scope,
            details=[],
        )
    fixed = rule(declared.type).fixed
    details = [_detail(name, wanted, fixed is None or name in fixed) for name in decision.changed]
    sure = any(
        detail["Evaluation"] == "Static" and detail["Target"].get("RequiresRecreation") == "Always"
        for detail in details
    )
    replacement = "False" if decision.action == "update" else "True" if sure or not details else "Conditional"
    return _shown(
        "Modify",
        declared.logical_id,
        declared.type,
        before.physical_id,
        replacement=replacement,
        scope=["Properties"],
        details=details,
    )


def _detail(name: str, wanted: Wanted, fixed: bool) -> dict[str, Any]:
    dynamic = LATER in repr(wanted.properties.get(name))
    recreation = ("Conditionally" if dynamic else "Always") if fixed else "Never"
    return {
        "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation},
        "Evaluation": "Dynamic" if dynamic else "Static",
        "ChangeSource": "ResourceReference" if dynamic else "DirectModification",
    }


def _shown(
    action: str,
    logical_id: str,
    kind: str,
    physical_id: str | None,
    *,
    policy_action: str | None = None,
    replacement: str | None = None,
    scope: list[str] | None = None,
    details: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    shown = {
        "Action": action,
        "PolicyAction": policy_action,
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": physical_id,
        "ResourceType": kind,
        "Replacement": replacement,
        "Scope": scope or [],
        "Details": details or [],
    }
    return {"Type": "Resource", "ResourceChange": {key: held for key, held in shown.items() if held is not None}}
