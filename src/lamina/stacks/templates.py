"""A template taken apart and checked: what of it can be told wrong without values for its parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lamina.stacks.faults import invalid, misformed

_SECTIONS = frozenset(
    {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings", "Conditions"}
    | {"Transform", "Resources", "Outputs"}
)
_ATTRIBUTES = frozenset(
    {"Type", "Properties", "Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata", "Version"}
)
# What would have to be taken and not be carried out.
_REFUSED = {
    "CreationPolicy": "it waits for no signals",
    "UpdatePolicy": "it shifts no traffic while a stack is updated; `lamina rollout` does, of layers",
}
_LOGICAL_ID = re.compile(r"[a-zA-Z0-9]{1,255}", re.ASCII)
_POLICIES = frozenset({"Delete", "Retain", "Snapshot", "RetainExceptOnCreate"})
_RESOURCES_MAX = 500
SAM = "AWS::Serverless-2016-10-31"
LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One resource as the template declares it; `properties` still hold intrinsic functions."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    condition: str | None
    depends_on: tuple[str, ...]
    deletion_policy: str
    replace_policy: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Template:
    """A template whose parts have the right shape. Mappings by section are as written."""

    description: str | None
    parameters: Mapping[str, Mapping[str, Any]]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    rules: Mapping[str, Any]
    resources: Mapping[str, Declaration]
    outputs: Mapping[str, Mapping[str, Any]]
    metadata: Mapping[str, Any]


def transforms(document: Mapping[str, Any]) -> list[str]:
    """The macros that *document* wants to be run through, in its order."""
    declared = document.get("Transform") or []
    names = declared if isinstance(declared, list) else [declared]
    if not all(isinstance(name, str) for name in names):
        raise misformed("Transform must be the name of a transform, or a list of them")
    return list(names)


def template(document: Mapping[str, Any]) -> Template:
    """*document* as a template without transforms left in it; raises the API's error for what is none."""
    unknown = document.keys() - _SECTIONS
    if unknown:
        raise misformed(f"Invalid template property or properties [{', '.join(sorted(unknown))}]")
    resources = _section(document, "Resources")
    if not resources:
        raise misformed("At least one Resources member must be defined.")
    if len(resources) > _RESOURCES_MAX:
        raise misformed(f"Number of resources, {len(resources)}, is greater than maximum allowed, {_RESOURCES_MAX}")
    description = document.get("Description")
    if description is not None and not isinstance(description, str):
        raise misformed("Every Description member must be a string.")
    metadata = document.get("Metadata")
    return Template(
        description=description,
        parameters=_structures(document, "Parameters"),
        mappings=_section(document, "Mappings"),
        conditions=_section(document, "Conditions"),
        rules=_section(document, "Rules"),
        resources={name: _declaration(name, each) for name, each in resources.items()},
        outputs=_structures(document, "Outputs"),
        metadata=metadata if isinstance(metadata, Mapping) else {},
    )


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = document.get(name)
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise misformed(f"Every {name} object must contain a map of members.")
    return section


def _structures(document: Mapping[str, Any], name: str) -> Mapping[str, Mapping[str, Any]]:
    section = _section(document, name)
    for key, held in section.items():
        if not isinstance(held, Mapping):
            raise misformed(f"[/{name}/{key}] 'null' values are not allowed in templates, and neither are bare ones")
    return section


def _declaration(name: str, declared: Any) -> Declaration:
    if not _LOGICAL_ID.fullmatch(name):
        raise misformed(f"Resource name {name} is non alphanumeric.")
    if not isinstance(declared, Mapping):
        raise misformed(f"Every Resources object must contain a Type member, and {name} is none.")
    kind = declared.get("Type")
    if not isinstance(kind, str):
        raise misformed(f"[/Resources/{name}] Every Resources object must contain a Type member.")
    for attribute, why in _REFUSED.items():
        if attribute in declared:
            raise invalid(f"Lamina does not support the {attribute} of {name}: {why}.")
    unknown = declared.keys() - _ATTRIBUTES
    if unknown:
        raise misformed(f"Invalid template resource property '{min(unknown)}' of {name}")
    properties = declared.get("Properties")
    if properties is None:
        properties = {}
    if not isinstance(properties, Mapping):
        raise misformed(f"Every Properties member of {name} must be a map.")
    depends = declared.get("DependsOn") or []
    names = [depends] if isinstance(depends, str) else depends
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise misformed(f"Every DependsOn value must be a string, and that of {name} is not.")
    condition = declared.get("Condition")
    if condition is not None and not isinstance(condition, str):
        raise misformed(f"Every Condition member of {name} must be a string.")
    metadata = declared.get("Metadata")
    return Declaration(
        logical_id=name,
        type=kind,
        properties=properties,
        condition=condition,
        depends_on=tuple(names),
        deletion_policy=_policy(name, declared, "DeletionPolicy"),
        replace_policy=_policy(name, declared, "UpdateReplacePolicy"),
        metadata=metadata if isinstance(metadata, Mapping) else {},
    )


def _policy(name: str, declared: Mapping[str, Any], attribute: str) -> str:
    policy = declared.get(attribute, "Delete")
    if policy not in _POLICIES:
        raise misformed(f"Unrecognized {attribute} {policy} for resource {name}")
    return str(policy)
