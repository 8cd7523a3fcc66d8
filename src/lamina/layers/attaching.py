"""Attaching layer versions to a function: which references are refused, and in what words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from lamina import errors
from lamina.layers.policies import Policy, grants
from lamina.layers.versions import LayerVersion, StoredArchive
from lamina.names import LayerVersionArn, Scope

LAYERS_MAX = 5


@dataclass(frozen=True, slots=True)
class AttachedLayer:
    """A layer version as a function holds it: enough to run and describe it after the version was deleted."""

    arn: LayerVersionArn
    archive: StoredArchive


def references(texts: Iterable[str]) -> tuple[LayerVersionArn, ...]:
    """The layer versions that a request's Layers name.

    The model's pattern also allows AWS's own layers (`arn:aws:lambda:::awslayer:…`), which exist on AWS only.
    """
    arns = []
    for text in texts:
        try:
            arns.append(LayerVersionArn.parse(text))
        except ValueError:
            raise does_not_exist(text) from None
    return tuple(arns)


def does_not_exist(arn: LayerVersionArn | str) -> errors.ApiError:
    """AWS's error about attaching what was never published, or was deleted: a 400, unlike reading it."""
    return errors.invalid_parameter_value(f"Layer version {arn} does not exist.")


def check_references(function_scope: Scope, arns: Sequence[LayerVersionArn]) -> None:
    """Raise AWS's error if *arns* cannot be one function's layers, whether or not they exist."""
    if len(arns) > LAYERS_MAX:
        raise errors.invalid_parameter_value(f"Cannot reference more than {LAYERS_MAX} layers.")
    for arn in arns:
        if arn.scope.region != function_scope.region:
            if arn.scope.account != function_scope.account:
                raise not_authorized(function_scope, "GetLayerVersion", str(arn))
            raise errors.invalid_parameter_value(
                "Layers are not in the same region as the function. "
                f"Layers are expected to be in region {function_scope.region}."
            )
    for one, other in combinations(arns, 2):
        if one.layer == other.layer:
            raise errors.invalid_parameter_value(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{one} and {other} are versions of the same layer."
            )


def check_readable(caller: Scope, arn: LayerVersionArn, policy: Policy | None, organization: str) -> None:
    """Raise AWS's refusal unless *caller* may read the layer version: its owner may, and whom its *policy* lets in.

    A grant holds in the layer's own region only. *organization* is the one that the caller's account is a member of.
    """
    if arn.scope.account == caller.account:
        return
    if arn.scope.region != caller.region or not grants(policy, caller.account, "GetLayerVersion", organization):
        raise not_authorized(caller, "GetLayerVersion", str(arn))


def not_authorized(caller: Scope, action: str, resource: str) -> errors.ApiError:
    """AWS's refusal of something that belongs to another account and was not granted."""
    user = f"arn:{caller.partition}:iam::{caller.account}:root"
    return errors.access_denied(
        f"User: {user} is not authorized to perform: lambda:{action} on resource: {resource} "
        f"because no resource-based policy allows the lambda:{action} action"
    )


def attach(arns: Iterable[LayerVersionArn], found: Iterable[LayerVersion | None]) -> tuple[AttachedLayer, ...]:
    """The layers to hold for *arns*, in their order, given what the catalog *found* for each."""
    attached = []
    for arn, version in zip(arns, found, strict=True):
        if version is None:
            raise does_not_exist(arn)
        attached.append(AttachedLayer(version.arn, version.archive))
    return tuple(attached)
