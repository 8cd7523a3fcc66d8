"""When a function version gets another runtime version: each machine has one of each runtime, so never by itself."""

from __future__ import annotations

from lamina import errors
from lamina.catalog.port import Catalog
from lamina.catalog.settings import Kind, Setting
from lamina.functions.runtimes import runtime_version_arn
from lamina.functions.versions import FunctionVersion
from lamina.names import LATEST, FunctionArn
from lamina.operations.addresses import find_function, function_arn
from lamina.operations.call import Call, Output, Parameters

_MANUAL = "Manual"


class RuntimeManagementOperations:
    """Put and get the runtime management configuration of a function version."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def put_runtime_management_config(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "PutRuntimeManagementConfig", request["FunctionName"], request.get("Qualifier"))
        mode, wanted = request["UpdateRuntimeOn"], request.get("RuntimeVersionArn")
        if mode == _MANUAL and wanted is None:
            raise errors.invalid_parameter_value("RuntimeVersionArn is required when UpdateRuntimeOn is Manual.")
        if mode != _MANUAL and wanted is not None:
            raise errors.invalid_parameter_value(f"RuntimeVersionArn cannot be set when UpdateRuntimeOn is {mode}.")
        with self._catalog.writing() as transaction:
            function = find_function(transaction.functions, arn)
            if wanted is not None:
                _check_offered(function, wanted)
            document = {"update": mode, "runtime_version": wanted}
            transaction.settings.put(Setting(Kind.RUNTIME_MANAGEMENT, function.qualified_arn, document))
        return _describe(arn, mode, wanted)

    def get_runtime_management_config(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "GetRuntimeManagementConfig", request["FunctionName"], request.get("Qualifier"))
        with self._catalog.reading() as transaction:
            function = find_function(transaction.functions, arn)
            setting = transaction.settings.get(Kind.RUNTIME_MANAGEMENT, function.qualified_arn)
        if setting is None:
            return _describe(arn, "Auto", None)
        return _describe(arn, setting.document["update"], setting.document["runtime_version"])


def _check_offered(function: FunctionVersion, wanted: str) -> None:
    configuration = function.configuration
    offered = runtime_version_arn(function.arn.scope, configuration.runtime, configuration.architecture)
    if wanted != offered:
        raise errors.invalid_parameter_value(
            f"Runtime Version {wanted} does not exist. "
            f"This machine has one version of {configuration.runtime}: {offered}"
        )


def _describe(arn: FunctionArn, mode: str, runtime_version: str | None) -> Output:
    shown = {"UpdateRuntimeOn": mode, "FunctionArn": str(arn.qualified(arn.qualifier or LATEST))}
    return shown if runtime_version is None else {**shown, "RuntimeVersionArn": runtime_version}
