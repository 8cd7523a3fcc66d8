"""A bill of materials as CycloneDX 1.6 has it (ECMA-424), https://cyclonedx.org/docs/1.6/json/.

The same artifacts give the same document: everything is sorted, nothing tells when, where or by whom it was made, and
its serial number is made from the rest of it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any, Final

from lamina.names import LayerVersionArn
from lamina.workshop.artifacts import Artifact, Role
from lamina.workshop.inventory.components import Component, components
from lamina.workshop.inventory.dependencies import Place, dependencies
from lamina.workshop.inventory.licences import Form, Licence
from lamina.workshop.inventory.purls import purl

_SERIALS: Final = uuid.UUID("6c1f9a52-6f0e-5f0b-9a53-0b7f4c0f7d11")
_ROOTS: Final = {Role.LAYER: "/opt", Role.FUNCTION: "/var/task"}


def document(artifacts: Sequence[Artifact], version: str, timestamp: str | None = None) -> dict[str, Any]:
    """The bill of *artifacts*, layers as a function lists them and its code last, made by Lamina *version*.

    Each artifact is a component ("file" for a layer, "application" for code) that depends on what lies in it.
    *timestamp* (RFC 3339) is no part of what the serial number is made from.
    """
    held = [components(artifact) for artifact in artifacts]
    needed = dependencies(held)
    refs = [_ref(artifacts, number) for number in range(len(artifacts))]

    def ref(place: Place) -> str:
        return f"{refs[place[0]]}:{place[1]}"

    inner = {number: [(number, each.record) for each in found] for number, found in enumerate(held)}
    edges = [(refs[number], [ref(place) for place in places]) for number, places in inner.items()]
    edges += [(ref(place), [ref(other) for other in others]) for place, others in needed.items()]
    bill: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "",
        "version": 1,
        "metadata": {"tools": {"components": [{"type": "application", "name": "lamina", "version": version}]}},
        "components": [
            *(_artifact(artifact, refs[number]) for number, artifact in enumerate(artifacts)),
            *(
                _component(each, ref((number, each.record)), artifact)
                for number, artifact in enumerate(artifacts)
                for each in held[number]
            ),
        ],
        "dependencies": [{"ref": one, "dependsOn": sorted(others)} for one, others in sorted(edges)],
    }
    bill["serialNumber"] = uuid.uuid5(_SERIALS, json.dumps(bill, sort_keys=True)).urn
    if timestamp is not None:
        bill["metadata"]["timestamp"] = timestamp
    return bill


def _ref(artifacts: Sequence[Artifact], number: int) -> str:
    return "function" if artifacts[number].role is Role.FUNCTION else f"layer{number + 1}"


def _artifact(artifact: Artifact, ref: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": "file" if artifact.role is Role.LAYER else "application",
        "bom-ref": ref,
        "name": _name(artifact),
    }
    if artifact.arn is not None and artifact.role is Role.LAYER:
        told["version"] = str(LayerVersionArn.parse(artifact.arn).number)
    if artifact.digest is not None:
        told["hashes"] = [{"alg": "SHA-256", "content": str(artifact.digest)}]
    told["properties"] = [
        {"name": f"lamina:{name}", "value": value}
        for name, value in (("arn", artifact.arn), ("code_sha256", artifact.code_sha256), ("root", _root(artifact)))
        if value is not None
    ]
    return told


def _name(artifact: Artifact) -> str:
    """A layer's or function's own name; a file's or folder's without where it is, which differs between machines."""
    if artifact.arn is not None:
        return artifact.arn.split(":")[6]
    last = artifact.name.rstrip("/").rpartition("/")[2].removesuffix(".zip")
    return artifact.role.value if last in ("", ".", "..") else last


def _root(artifact: Artifact) -> str:
    return _ROOTS[artifact.role]


def _component(each: Component, ref: str, artifact: Artifact) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "library", "bom-ref": ref}
    if each.group:
        told["group"] = each.group
    told["name"] = each.name
    if each.version:
        told["version"] = each.version
    if each.licences:
        told["licenses"] = _licences(each.licences)
    told["purl"] = purl(each.ecosystem, each.group, each.name, each.version)
    told["evidence"] = {"occurrences": [{"location": f"{_root(artifact)}/{each.record}"}]}
    return told


def _licences(licences: Sequence[Licence]) -> list[dict[str, Any]]:
    """One expression alone, or any number of licences: CycloneDX allows no mixture."""
    if len(licences) == 1 and licences[0].form is Form.EXPRESSION:
        return [{"expression": licences[0].text}]
    return [
        {"license": {"id" if licence.form is Form.ID else "name": licence.text, "acknowledgement": "declared"}}
        for licence in licences
    ]
