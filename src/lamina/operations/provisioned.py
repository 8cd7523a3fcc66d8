"""Provisioned concurrency: what is asked for is in the catalog, what there is of it is in the worker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from lamina import errors
from lamina.catalog.port import Catalog, Transaction
from lamina.catalog.settings import Kind, Setting
from lamina.environments.spec import EnvironmentSpec
from lamina.functions import changing
from lamina.functions.concurrency import Quota, check_provision
from lamina.functions.versions import FunctionVersion
from lamina.names import LATEST, FunctionArn
from lamina.operations.activations import Activations
from lamina.operations.addresses import find_function, function_arn, function_not_found
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.concurrency import claims
from lamina.operations.markers import Markers, page
from lamina.operations.stamps import Stamps
from lamina.worker.provisions import Provisioned

PAGE_MAX: Final = 50
_PAUSE_SECONDS: Final = 0.25
_log = logging.getLogger(__name__)


class Provisioning(Protocol):
    """What of the worker keeps environments ready. Call on the loop."""

    def keep(self, spec: EnvironmentSpec, count: int) -> None: ...

    def drop(self, spec: EnvironmentSpec) -> None: ...

    def state(self, spec: EnvironmentSpec) -> Provisioned | None: ...

    def specs(self) -> list[EnvironmentSpec]: ...


class ProvisionedOperations:
    """Put, get, list and delete provisioned concurrency, and keep the worker at what the catalog asks for."""

    def __init__(
        self,
        catalog: Catalog,
        activations: Activations,
        provisioning: Provisioning,
        markers: Markers,
        stamps: Stamps,
        quota: Quota,
    ) -> None:
        self._catalog = catalog
        self._activations = activations
        self._provisioning = provisioning
        self._markers = markers
        self._stamps = stamps
        self._quota = quota
        self._asked: dict[EnvironmentSpec, tuple[int, str]] = {}
        self._seen = -1
        self._following: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._unwatch: Callable[[], None] = _nothing
        self._lock = asyncio.Lock()

    def open(self) -> None:
        """Begin to keep what is asked for, what an earlier server was asked for included. Call on the loop."""
        loop = asyncio.get_running_loop()
        self._unwatch = self._catalog.watch_functions(lambda: loop.call_soon_threadsafe(self._changed.set))
        self._following = asyncio.ensure_future(self._follow())

    async def close(self) -> None:
        await asyncio.to_thread(self._unwatch)
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def put_provisioned_concurrency_config(self, call: Call, request: Parameters) -> Output:
        arn = _arn(call, "PutProvisionedConcurrencyConfig", request)
        if arn.qualifier == LATEST:
            raise _unpublished()
        setting = await asyncio.to_thread(self._record, arn, request["ProvisionedConcurrentExecutions"])
        await self._reconcile()
        # However soon it is there: the answer tells what was asked for.
        return _described(setting, Provisioned())

    async def get_provisioned_concurrency_config(self, call: Call, request: Parameters) -> Output:
        arn = _published(_arn(call, "GetProvisionedConcurrencyConfig", request))
        setting, function = await asyncio.to_thread(self._read, arn)
        if setting is None:
            raise errors.provisioned_concurrency_not_found()
        return _described(setting, self._state(function))

    async def list_provisioned_concurrency_configs(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "ListProvisionedConcurrencyConfigs", request["FunctionName"]).unqualified
        size = min(request.get("MaxItems") or PAGE_MAX, PAGE_MAX)
        of_list = f"ListProvisionedConcurrencyConfigs {arn}"
        position = self._markers.read(of_list, request.get("Marker"))
        after = None if position is None else str(position[0])
        shown, more = page(await asyncio.to_thread(self._list, arn, after, size + 1), size)
        output: dict[str, Any] = {
            "ProvisionedConcurrencyConfigs": [
                {"FunctionArn": str(setting.function), **_described(setting, self._state(function))}
                for setting, function in shown
            ]
        }
        if more:
            output["NextMarker"] = self._markers.issue(of_list, [shown[-1][0].function.qualifier or ""])
        return output

    async def delete_provisioned_concurrency_config(self, call: Call, request: Parameters) -> Output:
        arn = _published(_arn(call, "DeleteProvisionedConcurrencyConfig", request))
        await asyncio.to_thread(self._delete, arn)
        await self._reconcile()
        return {}

    def _record(self, arn: FunctionArn, wanted: int) -> Setting:
        setting = Setting(Kind.PROVISIONED, arn, {"requested": wanted, "modified": self._stamps.text()})
        with self._catalog.writing() as transaction:
            function = _find(transaction, arn)
            _check_fixed(transaction, arn, function)
            _check_alone(transaction, arn, function)
            check_provision(self._quota, claims(transaction, arn.scope), arn.name, arn.qualifier or "", wanted)
            transaction.settings.put(setting)
            # One that is Pending gets another RevisionId when it is ready, and may get none before.
            if arn.qualifier != function.version and function.status.settled:
                transaction.functions.replace(changing.touched(function, self._stamps.revision_id()))
        return setting

    def _read(self, arn: FunctionArn) -> tuple[Setting | None, FunctionVersion]:
        with self._catalog.reading() as transaction:
            function = _find(transaction, arn)
            return transaction.settings.get(Kind.PROVISIONED, arn), function

    def _list(self, arn: FunctionArn, after: str | None, limit: int) -> Sequence[tuple[Setting, FunctionVersion]]:
        with self._catalog.reading() as transaction:
            find_function(transaction.functions, arn)
            found = transaction.settings.of_function(Kind.PROVISIONED, arn, after=after, limit=limit)
            return [(setting, _find(transaction, setting.function)) for setting in found]

    def _delete(self, arn: FunctionArn) -> None:
        with self._catalog.writing() as transaction:
            _find(transaction, arn)
            transaction.settings.delete(Kind.PROVISIONED, arn)

    def _state(self, function: FunctionVersion) -> Provisioned:
        return self._provisioning.state(EnvironmentSpec.of(function)) or Provisioned()

    async def _follow(self) -> None:
        """Do what other operations' changes ask for: an alias that moves, a version that is deleted."""
        while True:
            if self._catalog.function_changes != self._seen:
                try:
                    await self._reconcile()
                except Exception:  # noqa: BLE001 - a disk that fails for a moment must not stop it for ever
                    _log.exception("provisioned concurrency could not be brought up to date")
                    self._changed.set()
            # Many changes in a row are one for us.
            await asyncio.sleep(_PAUSE_SECONDS)
            await self._changed.wait()
            self._changed.clear()

    async def _reconcile(self) -> None:
        async with self._lock:
            seen = self._catalog.function_changes
            asked = await asyncio.to_thread(self._wanted)
            for spec in self._provisioning.specs():
                if spec not in asked:
                    self._provisioning.drop(spec)
            for spec, wanted in asked.items():
                # A configuration that was put again, unchanged, asks for another attempt.
                if self._asked.get(spec) != wanted or self._provisioning.state(spec) is None:
                    self._provisioning.keep(spec, wanted[0])
            self._asked = asked
            self._seen = seen

    def _wanted(self) -> dict[EnvironmentSpec, tuple[int, str]]:
        """How many of which, and since when that is asked for."""
        with self._catalog.reading() as transaction:
            settings = transaction.settings.everywhere(Kind.PROVISIONED)
            found = [
                (setting, transaction.functions.find(arn.scope, arn.name, arn.qualifier))
                for setting in settings
                for arn in [setting.function]
            ]
        wanted = {}
        for setting, function in found:
            ready = None if function is None else self._activations.wait_settled(function)
            if ready is not None:
                wanted[EnvironmentSpec.of(ready)] = (setting.document["requested"], setting.document["modified"])
        return wanted


def _nothing() -> None:
    pass


def _arn(call: Call, operation: str, request: Parameters) -> FunctionArn:
    return function_arn(call, operation, request["FunctionName"], request["Qualifier"])


def _published(arn: FunctionArn) -> FunctionArn:
    if arn.qualifier == LATEST:
        raise errors.invalid_parameter_value("The function resource provided must be an alias or a published version.")
    return arn


def _find(transaction: Transaction, arn: FunctionArn) -> FunctionVersion:
    function = transaction.functions.find(arn.scope, arn.name, arn.qualifier)
    if function is not None:
        return function
    if (arn.qualifier or "").isdigit():
        raise function_not_found(arn)
    raise errors.resource_not_found(f"Cannot find alias arn: {arn}")


def _unpublished() -> errors.ApiError:
    return errors.invalid_parameter_value(
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    )


def _check_fixed(transaction: Transaction, arn: FunctionArn, function: FunctionVersion) -> None:
    """An alias that leads to `$LATEST`, or to two versions, has no version to provision."""
    if function.is_latest:
        raise _unpublished()
    alias = transaction.aliases.find(arn)
    if alias is not None and alias.additional is not None:
        raise errors.invalid_parameter_value("Alias with weights can not be used with Provisioned Concurrency")


def _check_alone(transaction: Transaction, arn: FunctionArn, function: FunctionVersion) -> None:
    """A version is provisioned once: by itself, or by one alias."""
    by_alias = arn.qualifier != function.version
    for other in transaction.settings.of_function(Kind.PROVISIONED, arn):
        if other.function == arn:
            continue
        behind = transaction.functions.find(arn.scope, arn.name, other.function.qualifier)
        if behind is None or behind.version != function.version:
            continue
        if by_alias:
            raise errors.resource_conflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
            )
        raise errors.resource_conflict("Version is pointed by a Provisioned Concurrency alias")


def _described(setting: Setting, state: Provisioned) -> dict[str, Any]:
    requested: int = setting.document["requested"]
    failed = state.failure is not None
    ready = min(state.ready, requested)
    members: dict[str, Any] = {
        "RequestedProvisionedConcurrentExecutions": requested,
        "AvailableProvisionedConcurrentExecutions": ready,
        "AllocatedProvisionedConcurrentExecutions": ready,
        "Status": "READY" if ready == requested else "FAILED" if failed else "IN_PROGRESS",
        "LastModified": setting.document["modified"],
    }
    if failed and ready < requested:
        members["StatusReason"] = state.failure
    return members
