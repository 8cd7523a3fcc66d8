"""Event invoke configurations."""

from __future__ import annotations

from typing import Any

from lamina import errors
from lamina.catalog.port import Catalog, Transaction
from lamina.catalog.settings import Kind, Setting
from lamina.functions import destinations, event_invoke
from lamina.functions.destinations import Elsewhere
from lamina.functions.event_invoke import EventInvoke
from lamina.names import LATEST, FunctionArn
from lamina.operations.addresses import function_arn
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.deliveries import Destinations
from lamina.operations.markers import Markers, page
from lamina.operations.stamps import Stamps

PAGE_MAX = 50


class EventInvokeOperations:
    """Put, update, get, list and delete what becomes of a function's asynchronous invocations."""

    def __init__(self, catalog: Catalog, elsewhere: Destinations, markers: Markers, stamps: Stamps) -> None:
        self._catalog = catalog
        self._elsewhere = elsewhere
        self._markers = markers
        self._stamps = stamps

    def put_function_event_invoke_config(self, call: Call, request: Parameters) -> Output:
        return self._change(call, request, "PutFunctionEventInvokeConfig", keep=False)

    def update_function_event_invoke_config(self, call: Call, request: Parameters) -> Output:
        return self._change(call, request, "UpdateFunctionEventInvokeConfig", keep=True)

    def get_function_event_invoke_config(self, call: Call, request: Parameters) -> Output:
        arn = _qualified(call, "GetFunctionEventInvokeConfig", request)
        with self._catalog.reading() as transaction:
            setting = transaction.settings.get(Kind.EVENT_INVOKE, arn)
        return event_invoke.describe(_read(setting, arn), arn)

    def list_function_event_invoke_configs(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "ListFunctionEventInvokeConfigs", request["FunctionName"]).unqualified
        size = min(request.get("MaxItems") or PAGE_MAX, PAGE_MAX)
        of_list = f"ListFunctionEventInvokeConfigs {arn}"
        position = self._markers.read(of_list, request.get("Marker"))
        after = None if position is None else str(position[0])
        with self._catalog.reading() as transaction:
            if transaction.functions.find(arn.scope, arn.name) is None:
                raise _no_function()
            found = transaction.settings.of_function(Kind.EVENT_INVOKE, arn, after=after, limit=size + 1)
        shown, more = page(found, size)
        output: dict[str, Any] = {
            "FunctionEventInvokeConfigs": [
                event_invoke.describe(EventInvoke.read(setting.document), setting.function) for setting in shown
            ]
        }
        if more:
            output["NextMarker"] = self._markers.issue(of_list, [shown[-1].function.qualifier or ""])
        return output

    def delete_function_event_invoke_config(self, call: Call, request: Parameters) -> Output:
        arn = _qualified(call, "DeleteFunctionEventInvokeConfig", request)
        with self._catalog.writing() as transaction:
            _read(transaction.settings.delete(Kind.EVENT_INVOKE, arn), arn)
        return {}

    def _change(self, call: Call, request: Parameters, operation: str, *, keep: bool) -> Output:
        arn = _qualified(call, operation, request)
        with self._catalog.writing() as transaction:
            if transaction.functions.find(arn.scope, arn.name, arn.qualifier) is None:
                raise _no_function()
            before = transaction.settings.get(Kind.EVENT_INVOKE, arn)
            start = _read(before, arn) if keep else None
            config = event_invoke.changed(start, request, self._stamps.seconds())
            if config.on_success is not None:
                destinations.check_success(self._check_destination(call, transaction, config.on_success, arn))
            if config.on_failure is not None:
                self._check_destination(call, transaction, config.on_failure, arn)
            transaction.settings.put(Setting(Kind.EVENT_INVOKE, arn, config.written()))
        return event_invoke.describe(config, arn)

    def _check_destination(
        self, call: Call, transaction: Transaction, destination: str, arn: FunctionArn
    ) -> FunctionArn | Elsewhere:
        target = destinations.destination(destination, arn)
        if isinstance(target, Elsewhere):
            self._elsewhere.check(target, call)
        elif transaction.functions.find(target.scope, target.name, target.qualifier) is None:
            raise destinations.invalid_destination(destination)
        return target


def _qualified(call: Call, operation: str, request: Parameters) -> FunctionArn:
    """What the configuration belongs to: without a qualifier, to `$LATEST`."""
    arn = function_arn(call, operation, request["FunctionName"], request.get("Qualifier"))
    return arn.qualified(arn.qualifier or LATEST)


def _read(setting: Setting | None, arn: FunctionArn) -> EventInvoke:
    if setting is None:
        raise errors.resource_not_found(f"The function {arn} doesn't have an EventInvokeConfig")
    return EventInvoke.read(setting.document)


def _no_function() -> errors.ApiError:
    return errors.resource_not_found("The function doesn't exist.")
