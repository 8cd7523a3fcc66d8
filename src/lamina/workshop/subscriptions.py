"""Functions that follow a channel of a layer: a tag of each says so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lamina.rollouts.channels import tag_key
from lamina.rollouts.configurations import consumer
from lamina.rollouts.consumers import Consumer, LayerReference, Place
from lamina.workshop.endpoint import Endpoint
from lamina.workshop.errors import WorkshopError


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """Those of *client*'s region; *client* is one of *endpoint*'s for the Lambda API."""

    endpoint: Endpoint
    client: Any

    def function(self, name: str) -> Consumer:
        """The function's $LATEST with its tags. Raises EndpointError."""
        with self.endpoint.asking():
            answer = self.client.get_function(FunctionName=name)
        found = consumer(Place(self.endpoint.profile or "", self.client.meta.region_name), answer["Configuration"])
        return replace(found, tags=dict(answer.get("Tags") or {}))

    def subscribe(self, function: Consumer, layer: LayerReference, channel: str) -> None:
        """Let *function* follow *channel* of *layer*. Raises WorkshopError unless it has the layer attached."""
        if not function.numbers(layer):
            hint = "Attach one first: a channel takes functions from one version to another."
            raise WorkshopError(f"{function.name} has no version of {layer.name} attached", hint)
        with self.endpoint.asking():
            self.client.tag_resource(Resource=function.function, Tags={tag_key(layer.name): channel})

    def unsubscribe(self, function: Consumer, layer: LayerReference) -> None:
        """Let *function* follow no channel of *layer*; harmless if it does not."""
        with self.endpoint.asking():
            self.client.untag_resource(Resource=function.function, TagKeys=[tag_key(layer.name)])
