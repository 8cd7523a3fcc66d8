"""The catalog's ports for what lies on resources of several kinds: policies and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from lamina.layers.policies import Policy
from lamina.names import FunctionArn, LayerVersionArn, Scope


class Policies(Protocol):
    """Resource policies, of functions, their versions and aliases, and of layer versions; they go with what they are
    on. None stands for no policy.
    """

    def of_function(self, arn: FunctionArn) -> Policy | None:
        """The policy on exactly what *arn* says: an unqualified one has none of those of versions and aliases."""

    def set_function(self, arn: FunctionArn, policy: Policy | None) -> None: ...

    def of_layer(self, arn: LayerVersionArn) -> Policy | None: ...

    def set_layer(self, arn: LayerVersionArn, policy: Policy | None) -> None: ...


class ResourceTags(Protocol):
    """Tags of what is no function. *resource* is how its ARN ends: `event-source-mapping:<uuid>`."""

    def of(self, scope: Scope, resource: str) -> Mapping[str, str]: ...

    def set(self, scope: Scope, resource: str, tags: Mapping[str, str]) -> None:
        """Make *tags* all its tags; none when it goes."""
