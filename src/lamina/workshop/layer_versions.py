"""Versions of layers as their owner sees them: which there are, who else may use them; and deleting them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lamina.names import LayerArn, LayerVersionArn, parse_function_name
from lamina.rollouts.consumers import LayerReference
from lamina.workshop.endpoint import Endpoint, EndpointError
from lamina.workshop.errors import WorkshopError
from lamina.workshop.publishing import allowed
from lamina.workshop.sharing.plans import Audience


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of layers in *client*'s region; *client* is one of *endpoint*'s for the Lambda API."""

    endpoint: Endpoint
    client: Any

    def of(self, layer: LayerReference) -> list[LayerVersionArn]:
        """All versions of *layer*, the newest first. Raises WorkshopError if there are none, or they are not yours."""
        pages = self.client.get_paginator("list_layer_versions").paginate(LayerName=layer.name)
        with self.endpoint.asking():
            found = [LayerVersionArn.parse(each["LayerVersionArn"]) for page in pages for each in page["LayerVersions"]]
        if not found:
            raise WorkshopError(f"you have no layer {layer.name} at {self.client.meta.endpoint_url}")
        owner = found[0].scope.account
        if layer.account not in (None, owner):
            raise WorkshopError(f"{layer.name} belongs to {layer.account}, and you are {owner}")
        return sorted(found, key=lambda version: version.number, reverse=True)

    def shared_with(self, version: LayerVersionArn) -> tuple[str, ...]:
        """Whom its policy lets use *version*, by their names for a person."""
        with self.endpoint.asking():
            permissions = allowed(self.client, version)
        return tuple(sorted({Audience.of(permission).name for permission in permissions}))

    def delete(self, versions: Iterable[LayerVersionArn]) -> Iterator[LayerVersionArn]:
        """Delete *versions* one after the other, and give each when it is gone; harmless for those that were before."""
        for version in versions:
            with self.endpoint.asking():
                self.client.delete_layer_version(LayerName=version.layer.name, VersionNumber=version.number)
            yield version


def accounts(endpoints: Iterable[Endpoint]) -> Iterator[str]:
    """The accounts that *endpoints* are asked as, each as its first function tells it; nothing of one without any."""
    for endpoint in endpoints:
        with endpoint.asking():
            for function in endpoint.client().list_functions(MaxItems=1)["Functions"]:
                yield parse_function_name(function["FunctionArn"]).account or ""


def newest_numbers(endpoints: Iterable[Endpoint], layers: Iterable[LayerArn]) -> dict[LayerArn, int]:
    """The newest version of each of *layers* that one of *endpoints* may list: its owner alone may."""
    clients = [(endpoint, endpoint.client()) for endpoint in endpoints]
    found: dict[LayerArn, int] = {}
    for layer in layers:
        for endpoint, client in clients:
            if client.meta.region_name == layer.scope.region and (number := _newest(endpoint, client, layer)):
                found[layer] = number
    return found


def _newest(endpoint: Endpoint, client: Any, layer: LayerArn) -> int | None:
    # By its name first: that is how every endpoint knows the layers of the caller's own account.
    for name in (layer.name, str(layer)):
        try:
            with endpoint.asking():
                versions = client.list_layer_versions(LayerName=name, MaxItems=1)["LayerVersions"]
        except EndpointError as error:
            if error.api_code != "AccessDeniedException":
                raise
            continue
        if versions and LayerVersionArn.parse(versions[0]["LayerVersionArn"]).layer == layer:
            return int(versions[0]["Version"])
    return None
