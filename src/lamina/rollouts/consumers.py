"""Consumers: versions of functions whose configuration names a version of a layer, and the aliases that lead there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from lamina.names import LATEST, LayerArn, LayerVersionArn, parse_function_name, parse_layer_name

# The members that decide what a layer meets when it is attached: a change of any other is no business of a roll-out's.
CODE_MEMBERS: Final = ("Architectures", "CodeSha256", "Handler", "PackageType", "Runtime")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a function is asked for: a profile of AWS's configuration ("" is the one in force) and a region."""

    profile: str
    region: str

    def __str__(self) -> str:
        return f"{self.profile}/{self.region}" if self.profile else self.region


@dataclass(frozen=True, slots=True)
class Routing:
    """Where an alias sends invocations: to `version`, but the shares (0 to 1) in `weights` to other versions."""

    version: str
    weights: Mapping[str, float]

    @property
    def versions(self) -> tuple[str, ...]:
        return (self.version, *self.weights)


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias as it was seen."""

    name: str
    routing: Routing
    revision_id: str


class OfFunction:
    """What tells of a function, by its ARN without a qualifier."""

    __slots__ = ()
    function: str

    @property
    def name(self) -> str:
        return parse_function_name(self.function).name

    @property
    def account(self) -> str:
        return parse_function_name(self.function).account or ""


@dataclass(frozen=True, slots=True)
class Consumer(OfFunction):
    """One version of a function as it was seen; `version` is $LATEST or a number.

    `function` is the ARN without a qualifier, `layers` are ARNs as the endpoint spells them, the bottom one first.
    `aliases` are those that lead to this version; `tags` None when nobody asked. `members` are the rest of its
    configuration, each as a short hash, so that environment variables are compared and never kept.
    `settling` is true while a change still has to take effect; `failure` is why the last one did not.
    """

    place: Place
    function: str
    version: str
    layers: tuple[str, ...]
    runtime: str | None
    architectures: tuple[str, ...]
    description: str
    code_sha256: str
    revision_id: str
    members: Mapping[str, str]
    aliases: tuple[Alias, ...] = ()
    tags: Mapping[str, str] | None = None
    settling: bool = False
    failure: str | None = None

    @property
    def is_latest(self) -> bool:
        return self.version == LATEST

    @property
    def qualified(self) -> str:
        return f"{self.function}:{self.version}"

    def attached(self, layer: LayerReference) -> tuple[LayerVersionArn, ...]:
        """The meant versions of *layer* that it has attached; AWS allows one of each layer."""
        return tuple(arn for arn in map(layer_version, self.layers) if arn is not None and layer.names(arn))

    def numbers(self, layer: LayerReference) -> tuple[int, ...]:
        """Their numbers."""
        return tuple(arn.number for arn in self.attached(layer))


@dataclass(frozen=True, slots=True)
class LayerReference:
    """A layer as users name it: by its name alone, in whichever account and region, or by its ARN; and some of its
    versions, or all (none given).
    """

    name: str
    account: str | None = None
    region: str | None = None
    versions: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, text: str) -> LayerReference:
        """`NAME`, `NAME:3`, or an ARN with or without a version. Raises ValueError."""
        head, colon, tail = text.rpartition(":")
        numbered = bool(colon) and tail.isdecimal() and (not text.startswith("arn:") or text.count(":") == 7)
        found = parse_layer_name(head if numbered else text)
        return cls(found.name, found.account, found.region, frozenset({int(tail)} if numbered else ()))

    def names(self, arn: LayerVersionArn) -> bool:
        """Whether *arn* is meant: never because one text begins as the other does."""
        return self.is_layer(arn.layer) and (not self.versions or arn.number in self.versions)

    def is_layer(self, layer: LayerArn) -> bool:
        """Whether *layer* is meant, whatever the version."""
        return (
            layer.name == self.name
            and self.account in (None, layer.scope.account)
            and self.region in (None, layer.scope.region)
        )


def layer_version(arn: str) -> LayerVersionArn | None:
    """What *arn* names; None when it is not the ARN of a layer version, which an endpoint of somebody else may list."""
    try:
        return LayerVersionArn.parse(arn)
    except ValueError:
        return None


def consumers(of: LayerReference, seen: Iterable[Consumer]) -> list[Consumer]:
    """Those of *seen* that have a meant version attached, by function, $LATEST first, then the newest version."""
    found = [consumer for consumer in seen if consumer.numbers(of)]
    return sorted(found, key=lambda one: (one.function, not one.is_latest, 0 if one.is_latest else -int(one.version)))


def changed_members(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the members of a configuration that differ, sorted."""
    return tuple(sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)))
