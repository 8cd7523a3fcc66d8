"""Layer versions, and who else may use them."""

from __future__ import annotations

from lamina.operations.stacks.kinds.fitting import call, gone
from lamina.operations.stacks.kinds.kind import Fixed, Made, Properties, Site
from lamina.stacks.stack import Resource


class LayerVersions(Fixed):
    """AWS::Lambda::LayerVersion: whatever changes of it, a new version takes its place."""

    def make(self, site: Site, properties: Properties) -> Made:
        answer = call(site.own("lambda"), "PublishLayerVersion", properties)
        return Made(answer["LayerVersionArn"], {"LayerVersionArn": answer["LayerVersionArn"]})

    def remove(self, site: Site, made: Resource) -> None:
        layer, _, number = made.physical_id.rpartition(":")
        call(site.own("lambda"), "DeleteLayerVersion", {"LayerName": layer, "VersionNumber": number})


class LayerVersionPermissions(Fixed):
    """AWS::Lambda::LayerVersionPermission. Its identifier holds what its removal takes."""

    def make(self, site: Site, properties: Properties) -> Made:
        layer, _, number = str(properties["LayerVersionArn"]).rpartition(":")
        statement = f"{site.stack_name}-{site.logical_id}-{site.unique}"
        wanted = {key: value for key, value in properties.items() if key != "LayerVersionArn"}
        at = {"LayerName": layer, "VersionNumber": number, "StatementId": statement}
        call(site.own("lambda"), "AddLayerVersionPermission", {**wanted, **at})
        physical_id = f"{properties['LayerVersionArn']}#{statement}"
        return Made(physical_id, {"Id": physical_id})

    def remove(self, site: Site, made: Resource) -> None:
        arn, _, statement = made.physical_id.partition("#")
        layer, _, number = arn.rpartition(":")
        at = {"LayerName": layer, "VersionNumber": number, "StatementId": statement}
        with gone("ResourceNotFoundException"):
            call(site.own("lambda"), "RemoveLayerVersionPermission", at)
