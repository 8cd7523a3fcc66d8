"""The catalog's port for layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lamina.layers.versions import LayerVersion
from lamina.names import LayerArn, LayerVersionArn, Scope


@dataclass(frozen=True, slots=True)
class CompatibleWith:
    """Which layer versions a list wants: those that declare the runtime and the architecture, where one is given."""

    runtime: str | None = None
    architecture: str | None = None


class Layers(Protocol):
    """Layer versions. The counter of a layer outlives its versions, so that no number is ever used twice."""

    def next_number(self, layer: LayerArn) -> int:
        """The number for the version about to be added: 1, 2, …; consecutive among committed publishers."""

    def pass_number(self, layer: LayerArn, number: int) -> None:
        """See to it that the next number is higher than *number*, under which a version was published elsewhere."""

    def add(self, version: LayerVersion) -> None:
        """Record a version whose number `next_number` gave, or `pass_number` was told."""

    def get(self, arn: LayerVersionArn) -> LayerVersion | None: ...

    def versions(
        self, layer: LayerArn, wanted: CompatibleWith, *, below: int | None, limit: int
    ) -> Sequence[LayerVersion]:
        """Versions of *layer*, newest first, from the one before number *below* on."""

    def latest(self, scope: Scope, wanted: CompatibleWith, *, after: str | None, limit: int) -> Sequence[LayerVersion]:
        """The newest wanted version of each layer that has one, by layer name, from the one behind *after* on."""

    def delete(self, arn: LayerVersionArn) -> LayerVersion | None:
        """The version that was there and is no more; None if there was none."""
