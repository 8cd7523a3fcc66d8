"""What of a template lies on a disk: folders and archives to be uploaded before anybody else can deploy it."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_SAM_FUNCTION: Final = "AWS::Serverless::Function"
_SAM_LAYER: Final = "AWS::Serverless::LayerVersion"
# Type -> the property that holds content, whether that is a layer's, and how an object is named in it.
_CONTENT: Final[Mapping[str, tuple[str, bool, str, str]]] = {
    _SAM_FUNCTION: ("CodeUri", False, "Bucket", "Key"),
    "AWS::Lambda::Function": ("Code", False, "S3Bucket", "S3Key"),
    _SAM_LAYER: ("ContentUri", True, "Bucket", "Key"),
    "AWS::Lambda::LayerVersion": ("Content", True, "S3Bucket", "S3Key"),
}
_ELSEWHERE: Final = ("s3://", "http://", "https://")


@dataclass(frozen=True, slots=True)
class Local:
    """Content of the resource `logical_id` that lies at `path`, as the template writes it.

    `runtimes` and `architectures` are what a layer is declared for; `method` is its BuildMethod, where it has one.
    """

    logical_id: str
    path: str
    is_layer: bool
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    method: str | None = None


def local(document: Mapping[str, Any]) -> tuple[Local, ...]:
    """Everything in *document* that lies on a disk."""
    return tuple(_found(document))


def uploaded(document: Mapping[str, Any], bucket: str, keys: Mapping[str, str]) -> dict[str, Any]:
    """*document* with each resource's content in *bucket*, under *keys* by logical ids."""
    made = copy.deepcopy(dict(document))
    for logical_id, key in keys.items():
        resource = made["Resources"][logical_id]
        name, _, bucket_name, key_name = _CONTENT[resource["Type"]]
        resource.setdefault("Properties", {})[name] = {bucket_name: bucket, key_name: key}
    return made


def published_on_layer_change(document: Mapping[str, Any], digests: Mapping[str, str]) -> dict[str, Any]:
    """*document* with functions of SAM's that publish a version whenever their code or one of their layers changed.

    AutoPublishAlias goes by the code's address alone; a digest of *digests* (by logical id) of code and layers, in
    their order, takes its place. A layer that the template does not make counts by what it is named.
    """
    made = copy.deepcopy(dict(document))
    shared = (made.get("Globals") or {}).get("Function") or {}
    for logical_id, resource in made.get("Resources", {}).items():
        if not isinstance(resource, dict) or resource.get("Type") != _SAM_FUNCTION:
            continue
        properties = resource.setdefault("Properties", {})
        publishes = "AutoPublishAlias" in properties or "AutoPublishAlias" in shared
        if not publishes or "AutoPublishCodeSha256" in properties:
            continue
        # SAM puts the layers of Globals before the function's own.
        layers = [*_listed(shared.get("Layers")), *_listed(properties.get("Layers"))]
        code = digests.get(logical_id, repr(properties.get("CodeUri", shared.get("CodeUri"))))
        told = [code, *(_digest(layer, digests) for layer in layers)]
        properties["AutoPublishCodeSha256"] = hashlib.sha256("\n".join(told).encode()).hexdigest()
    return made


def _found(document: Mapping[str, Any]) -> Iterator[Local]:
    shared = (document.get("Globals") or {}).get("Function") or {}
    for logical_id, resource in (document.get("Resources") or {}).items():
        known = _CONTENT.get(str(resource.get("Type"))) if isinstance(resource, Mapping) else None
        if known is None:
            continue
        name, is_layer, _, _ = known
        properties = resource.get("Properties") or {}
        path = properties.get(name)
        if path is None and resource["Type"] == _SAM_FUNCTION and "InlineCode" not in properties:
            path = shared.get(name)
        if not isinstance(path, str) or path.startswith(_ELSEWHERE):
            continue
        metadata = resource.get("Metadata") or {}
        method = metadata.get("BuildMethod")
        runtimes = _texts(properties.get("CompatibleRuntimes"))
        if is_layer and not runtimes and isinstance(method, str) and method[-1:].isdigit():
            runtimes = (method,)
        architectures = _texts(properties.get("CompatibleArchitectures")) if is_layer else ()
        yield Local(str(logical_id), path, is_layer, runtimes, architectures, method if is_layer else None)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in _listed(value) if isinstance(each, str))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _digest(layer: Any, digests: Mapping[str, str]) -> str:
    name = layer.get("Ref") if isinstance(layer, Mapping) else None
    return digests.get(name, repr(layer)) if isinstance(name, str) else repr(layer)
