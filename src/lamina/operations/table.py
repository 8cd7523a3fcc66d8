"""Which method answers which operation of the API."""

from __future__ import annotations

from collections.abc import Mapping

from lamina.operations.call import Handler
from lamina.operations.functions import FunctionOperations
from lamina.operations.invocations import InvocationOperations
from lamina.operations.layers import LayerOperations


def handlers(
    layers: LayerOperations, functions: FunctionOperations, invocations: InvocationOperations
) -> Mapping[str, Handler]:
    """Operation name -> handler, for every layer and function operation that is built."""
    return {
        "PublishLayerVersion": layers.publish_layer_version,
        "GetLayerVersion": layers.get_layer_version,
        "GetLayerVersionByArn": layers.get_layer_version_by_arn,
        "ListLayerVersions": layers.list_layer_versions,
        "ListLayers": layers.list_layers,
        "DeleteLayerVersion": layers.delete_layer_version,
        "CreateFunction": functions.create_function,
        "GetFunction": functions.get_function,
        "GetFunctionConfiguration": functions.get_function_configuration,
        "ListFunctions": functions.list_functions,
        "UpdateFunctionCode": functions.update_function_code,
        "UpdateFunctionConfiguration": functions.update_function_configuration,
        "DeleteFunction": functions.delete_function,
        "Invoke": invocations.invoke,
        "InvokeAsync": invocations.invoke_async,
    }
