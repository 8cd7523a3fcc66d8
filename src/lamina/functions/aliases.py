"""Aliases: names for a version, or for two of which each invocation gets one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lamina import errors
from lamina.layers.revisions import check_revision
from lamina.names import LATEST, FunctionArn


@dataclass(frozen=True, slots=True)
class Alias:
    """`arn` has the alias's name for a qualifier. `additional` is a second version and its share of invocations, 0 to
    1; None when all go to `version`.
    """

    arn: FunctionArn
    version: str
    description: str
    revision_id: str
    additional: tuple[str, float] | None = None

    @property
    def versions(self) -> tuple[str, ...]:
        """Every version it leads to, the primary one first."""
        return (self.version,) if self.additional is None else (self.version, self.additional[0])

    def choose(self, draw: float) -> str:
        """The version for one invocation; *draw* is random, from 0 to below 1."""
        if self.additional is not None and draw < self.additional[1]:
            return self.additional[0]
        return self.version


def create(arn: FunctionArn, request: Mapping[str, Any], revision_id: str) -> Alias:
    """The alias *arn* that a CreateAlias *request* describes; AWS's errors for routing that cannot be."""
    version = request["FunctionVersion"]
    additional = _additional(version, request.get("RoutingConfig") or {})
    return Alias(arn, version, request.get("Description") or "", revision_id, additional)


def update(alias: Alias, request: Mapping[str, Any], revision_id: str) -> Alias:
    """*alias* with the members that an UpdateAlias *request* sends; AWS's errors for what may not be."""
    check_revision(request.get("RevisionId"), alias.revision_id)
    version = request.get("FunctionVersion") or alias.version
    routing = request.get("RoutingConfig")
    if routing is None and alias.additional is not None:
        # What stays has to go with a target that moves.
        routing = _routing(alias.additional)
    description = request.get("Description")
    return Alias(
        alias.arn,
        version,
        alias.description if description is None else description,
        revision_id,
        _additional(version, routing or {}),
    )


def describe(alias: Alias) -> dict[str, Any]:
    """The AliasConfiguration, as every answer about aliases has it."""
    members: dict[str, Any] = {
        "AliasArn": str(alias.arn),
        "Name": alias.arn.qualifier,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.additional is not None:
        members["RoutingConfig"] = _routing(alias.additional)
    return members


def _additional(version: str, routing: Mapping[str, Any]) -> tuple[str, float] | None:
    weights = routing.get("AdditionalVersionWeights") or {}
    if len(weights) > 1:
        raise errors.invalid_parameter_value("Number of items in AdditionalVersionWeights cannot be greater than 1")
    for other, weight in weights.items():
        if other == version:
            raise errors.invalid_parameter_value(
                f"Invalid function version {version}. "
                f"Function version {version} is already included in routing configuration."
            )
        if version == LATEST:
            raise errors.invalid_parameter_value(
                "$LATEST is not supported for an alias pointing to more than 1 version", kind=None
            )
        return other, float(weight)
    return None


def _routing(additional: tuple[str, float]) -> dict[str, Any]:
    return {"AdditionalVersionWeights": dict([additional])}
