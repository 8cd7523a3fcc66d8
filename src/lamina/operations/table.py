"""Which method answers which operation of the API."""

from __future__ import annotations

from collections.abc import Mapping

from lamina.operations.aliases import AliasOperations
from lamina.operations.call import Handler
from lamina.operations.functions import FunctionOperations
from lamina.operations.invocations import InvocationOperations
from lamina.operations.layer_permissions import LayerPermissionOperations
from lamina.operations.layers import LayerOperations
from lamina.operations.permissions import PermissionOperations
from lamina.operations.streaming import StreamingOperations
from lamina.operations.tags import TagOperations
from lamina.operations.versions import VersionOperations


def handlers(
    layers: LayerOperations,
    layer_permissions: LayerPermissionOperations,
    functions: FunctionOperations,
    versions: VersionOperations,
    aliases: AliasOperations,
    permissions: PermissionOperations,
    tags: TagOperations,
    invocations: InvocationOperations,
    streaming: StreamingOperations,
) -> Mapping[str, Handler]:
    """Operation name -> handler, for every operation that is built."""
    return {
        "PublishLayerVersion": layers.publish_layer_version,
        "GetLayerVersion": layers.get_layer_version,
        "GetLayerVersionByArn": layers.get_layer_version_by_arn,
        "ListLayerVersions": layers.list_layer_versions,
        "ListLayers": layers.list_layers,
        "DeleteLayerVersion": layers.delete_layer_version,
        "AddLayerVersionPermission": layer_permissions.add_layer_version_permission,
        "GetLayerVersionPolicy": layer_permissions.get_layer_version_policy,
        "RemoveLayerVersionPermission": layer_permissions.remove_layer_version_permission,
        "CreateFunction": functions.create_function,
        "GetFunction": functions.get_function,
        "GetFunctionConfiguration": functions.get_function_configuration,
        "ListFunctions": functions.list_functions,
        "UpdateFunctionCode": functions.update_function_code,
        "UpdateFunctionConfiguration": functions.update_function_configuration,
        "DeleteFunction": functions.delete_function,
        "PublishVersion": versions.publish_version,
        "ListVersionsByFunction": versions.list_versions_by_function,
        "CreateAlias": aliases.create_alias,
        "GetAlias": aliases.get_alias,
        "ListAliases": aliases.list_aliases,
        "UpdateAlias": aliases.update_alias,
        "DeleteAlias": aliases.delete_alias,
        "AddPermission": permissions.add_permission,
        "GetPolicy": permissions.get_policy,
        "RemovePermission": permissions.remove_permission,
        "TagResource": tags.tag_resource,
        "UntagResource": tags.untag_resource,
        "ListTags": tags.list_tags,
        "Invoke": invocations.invoke,
        "InvokeAsync": invocations.invoke_async,
        "InvokeWithResponseStream": streaming.invoke_with_response_stream,
    }
