"""Stacks, resources and change sets as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.operations.stacks.intake import needed
from lamina.stacks.parameters import HIDDEN, Parameter, is_hidden
from lamina.stacks.reading import read
from lamina.stacks.stack import ChangeSet, Resource, Stack
from lamina.stacks.templates import transforms


def stack(held: Stack) -> dict[str, Any]:
    """One of DescribeStacks' stacks."""
    shown = {
        "StackId": held.id,
        "StackName": held.name,
        "ChangeSetId": held.change_set,
        "Description": held.description,
        "Parameters": parameters(held.input.template, held.input.parameters),
        "CreationTime": held.created_at,
        "LastUpdatedTime": held.updated_at,
        "DeletionTime": held.deleted_at,
        "RollbackConfiguration": {},
        "StackStatus": held.status,
        "StackStatusReason": held.reason,
        "DisableRollback": held.on_failure == "DO_NOTHING",
        "NotificationARNs": [],
        "Capabilities": list(held.input.capabilities),
        "Outputs": list(held.outputs),
        "RoleARN": held.input.role,
        "Tags": tags(held.input.tags),
        "EnableTerminationProtection": held.protected,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    return _there(shown)


def summary(held: Stack, text: str) -> dict[str, Any]:
    """One of ListStacks' stacks; *text* is its template's description."""
    shown = {
        "StackId": held.id,
        "StackName": held.name,
        "TemplateDescription": text or None,
        "CreationTime": held.created_at,
        "LastUpdatedTime": held.updated_at,
        "DeletionTime": held.deleted_at,
        "StackStatus": held.status,
        "StackStatusReason": held.reason,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    return _there(shown)


def resource(held: Stack, one: Resource) -> dict[str, Any]:
    """One of DescribeStackResources' resources."""
    return {"StackName": held.name, "StackId": held.id, "Timestamp": one.at, **_resource(one)}


def resource_summary(one: Resource) -> dict[str, Any]:
    """One of ListStackResources' resources."""
    return {"LastUpdatedTimestamp": one.at, **_resource(one)}


def resource_detail(held: Stack, one: Resource) -> dict[str, Any]:
    """DescribeStackResource's answer."""
    return {"StackName": held.name, "StackId": held.id, **resource_summary(one)}


def change_set(held: Stack, one: ChangeSet) -> dict[str, Any]:
    """DescribeChangeSet's answer but for the changes."""
    shown = {
        **change_set_summary(held, one),
        "Parameters": parameters(one.input.template, one.input.parameters),
        "NotificationARNs": [],
        "RollbackConfiguration": {},
        "Capabilities": list(one.input.capabilities),
        "Tags": tags(one.input.tags),
        "OnStackFailure": one.on_failure,
    }
    return _there({key: value for key, value in shown.items() if key != "ChangeSetType"})


def change_set_summary(held: Stack, one: ChangeSet) -> dict[str, Any]:
    """One of ListChangeSets' change sets."""
    shown = {
        "StackId": held.id,
        "StackName": held.name,
        "ChangeSetId": one.id,
        "ChangeSetName": one.name,
        "ExecutionStatus": one.execution,
        "Status": one.status,
        "StatusReason": one.reason,
        "CreationTime": one.created_at,
        "Description": one.description,
        "IncludeNestedStacks": False,
    }
    return _there(shown)


def template_summary(document: Mapping[str, Any]) -> dict[str, Any]:
    """GetTemplateSummary's answer for the template *document*."""
    declared = document.get("Resources") or {}
    shown = {
        "Parameters": [_declared(name, each) for name, each in (document.get("Parameters") or {}).items()],
        "ResourceTypes": [each.get("Type") for each in declared.values() if isinstance(each, Mapping)],
        "DeclaredTransforms": transforms(document),
        "Description": document.get("Description"),
        "Version": str(document["AWSTemplateFormatVersion"]) if "AWSTemplateFormatVersion" in document else None,
        "Capabilities": needed(document),
        "ResourceIdentifierSummaries": [],
    }
    return _there(shown)


def validated(document: Mapping[str, Any]) -> dict[str, Any]:
    """ValidateTemplate's answer for the template *document*."""
    shown = {
        "Parameters": [
            _there(
                {
                    "ParameterKey": name,
                    "DefaultValue": None if "Default" not in each else str(each["Default"]),
                    "NoEcho": is_hidden(document["Parameters"], name),
                    "Description": each.get("Description"),
                }
            )
            for name, each in (document.get("Parameters") or {}).items()
        ],
        "Description": document.get("Description"),
        "DeclaredTransforms": transforms(document),
        "Capabilities": needed(document),
    }
    return _there(shown)


def parameters(text: str, given: Mapping[str, Parameter]) -> list[dict[str, Any]]:
    """The parameters of a stack of the template *text*, those that are nobody's business without their values."""
    if not given:
        return []
    declared = read(text).get("Parameters") or {}
    return [
        _there(
            {
                "ParameterKey": name,
                "ParameterValue": HIDDEN if is_hidden(declared, name) else each.given,
                "ResolvedValue": each.resolved,
            }
        )
        for name, each in given.items()
    ]


def tags(held: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags, listed."""
    return [{"Key": key, "Value": value} for key, value in held.items()]


def _resource(one: Resource) -> dict[str, Any]:
    shown = {
        "LogicalResourceId": one.logical_id,
        "PhysicalResourceId": one.physical_id or None,
        "ResourceType": one.type,
        "ResourceStatus": one.status,
        "ResourceStatusReason": one.reason,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
    return _there(shown)


def _declared(name: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    allowed = declared.get("AllowedValues")
    constraints = {} if allowed is None else {"AllowedValues": [str(each) for each in allowed]}
    shown = {
        "ParameterKey": name,
        "DefaultValue": None if "Default" not in declared else str(declared["Default"]),
        "ParameterType": declared.get("Type"),
        "NoEcho": is_hidden({name: declared}, name),
        "Description": declared.get("Description"),
        "ParameterConstraints": constraints,
    }
    return _there(shown)


def _there(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shown.items() if value is not None}
