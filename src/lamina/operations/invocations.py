"""Invoke: who is meant, whether it can run, the event to the worker, the outcome to the caller."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import platform
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from lamina import errors
from lamina.catalog.port import Catalog
from lamina.catalog.queues import Event
from lamina.environments.spec import EnvironmentSpec
from lamina.functions.aliases import Alias
from lamina.functions.versions import FunctionVersion, State
from lamina.invocations.admission import RESERVED, SHARED
from lamina.invocations.calls import Invocation, InvocationType, Outcome, check_payload
from lamina.invocations.identifiers import new_trace
from lamina.invocations.retrying import RECURSIVE, ZERO_RESERVED, GiveUp
from lamina.names import LATEST, FunctionArn
from lamina.operations.activations import Activations
from lamina.operations.addresses import function_arn, function_not_found
from lamina.operations.admitting import ReservedExceeded
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.deliveries import DeliveryQueue
from lamina.operations.events import EventQueue
from lamina.operations.live import LiveLayers
from lamina.operations.recursion import Loops
from lamina.values import dataclass
from lamina.worker.runtimes import RuntimeNotInstalled, Runtimes
from lamina.worker.worker import Throttled
from lamina.worker.zygotes import SandboxFailed

_ACTIVATION_SECONDS_MAX: Final = 60
_REMEMBERED_MAX: Final = 10_000
# Those of functions that were deleted or changed long ago are among them.
_SPECS_MAX: Final = 256
_NOT_BUILT: Final = ("DurableExecutionName", "TenantId")
# The kernel's names for processors, and AWS's.
_ARCHITECTURES: Final = {"x86_64": "x86_64", "aarch64": "arm64"}
_MACHINE: Final = platform.machine()


class Runner(Protocol):
    """What of the worker an invocation needs."""

    async def invoke(self, spec: EnvironmentSpec, invocation: Invocation) -> Outcome:
        """Run it. Raises Throttled, RuntimeNotInstalled, SandboxFailed."""
        ...

    async def runtimes(self) -> Runtimes: ...


@dataclass(frozen=True, slots=True)
class _Route:
    """Where invocations of one name go: to a version, or through an alias to one of those it leads to."""

    alias: Alias | None
    targets: Mapping[str, tuple[FunctionVersion, EnvironmentSpec]]

    def choose(self, draw: Callable[[], float]) -> tuple[FunctionVersion, EnvironmentSpec]:
        """The version for one invocation; *draw* gives a random number, from 0 to below 1."""
        if self.alias is None:
            return next(iter(self.targets.values()))
        return self.targets[self.alias.choose(draw())]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to invoke, looked at: which version is meant, and the event as it will see it."""

    kind: InvocationType
    arn: FunctionArn
    function: FunctionVersion
    spec: EnvironmentSpec
    invocation: Invocation


class InvocationOperations:
    """Run functions: at once and wait, or later; what then is to be told to other AWS services goes into *deliveries*.

    *draw* gives random numbers from 0 to below 1, *header* the trace header for a call that came with one or without.
    """

    def __init__(
        self,
        catalog: Catalog,
        activations: Activations,
        worker: Runner,
        *,
        deliveries: DeliveryQueue | None = None,
        live: LiveLayers | None = None,
        header: Callable[[str | None], str] | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._catalog = catalog
        self._activations = activations
        self._worker = worker
        self._live = live
        self._draw = draw
        self._header = header or _header
        self._loops = Loops(catalog)
        self._events = EventQueue(catalog, self._run_event, deliveries)
        # Functions as last read, thrown away whenever any of them changes: an invocation reads no database.
        self._known: dict[FunctionArn, _Route] = {}
        self._known_at = -1
        # Specs by themselves: what is looked up by the very one that it was put under is not compared field by field.
        self._specs: dict[EnvironmentSpec, EnvironmentSpec] = {}
        # Runtimes and architectures that were found to run here, which does not change while this process runs.
        self._runnable: set[tuple[str, str]] = set()

    def open(self, retry_base_delay_s: float) -> None:
        """Take up the events an earlier server left. Call on the loop."""
        self._events.open(retry_base_delay_s)

    async def drain(self, grace_s: float) -> None:
        """Take up no more events, and give those under way *grace_s* seconds."""
        await self._events.drain(grace_s)

    async def close(self) -> None:
        await self._events.close()

    async def invoke(self, call: Call, request: Parameters) -> Output:
        asked = await self.look_at(call, request)
        if asked.kind is InvocationType.DRY_RUN:
            return {"StatusCode": 204}
        if asked.kind is InvocationType.EVENT:
            now, event = time.time(), asked.invocation
            await self.record(
                Event(event.request_id, asked.arn, event.payload, now, now, 0, event.trace_id, event.client_context)
            )
            return {"StatusCode": 202}
        outcome = await self.run(asked)
        return _answer(asked.function, outcome, with_log=asked.invocation.with_log)

    async def record(self, event: Event) -> None:
        """Have *event* run when it is due; it is durable when this returns."""
        await self._events.add(event)

    async def look_at(self, call: Call, request: Parameters) -> Asked:
        """What an invocation's *request* asks for; AWS's errors for what cannot be run."""
        for member in _NOT_BUILT:
            if request.get(member) is not None:
                raise errors.not_supported(member, "it belongs to a kind of function that Lamina does not have.")
        asked_for = request.get("InvocationType")
        kind = InvocationType(asked_for) if asked_for else InvocationType.REQUEST_RESPONSE
        arn = function_arn(call, "InvokeFunction", request["FunctionName"], request.get("Qualifier"))
        function, spec = await self._resolve(arn)
        payload = check_payload(request.get("Payload") or b"", kind)
        context = _client_context(request.get("ClientContext"))
        if (spec.runtime, spec.architecture) not in self._runnable:
            await self._check_runtime(spec)
            self._runnable.add((spec.runtime, spec.architecture))
        trace, name = self._header(call.headers.get("x-amzn-trace-id")), str(arn)
        if kind is InvocationType.REQUEST_RESPONSE:
            # An event is looked at when it is run: nobody waits for it who could be told.
            trace = await self._loops.counted(arn, name, trace)
        with_log = request.get("LogType") == "Tail"
        invocation = Invocation(call.request_id, name, payload, spec.timeout_s, context, trace, with_log=with_log)
        return Asked(kind, arn, function, spec, invocation)

    async def invoke_async(self, call: Call, request: Parameters) -> Output:
        """The operation of 2014, deprecated and still called."""
        payload = request["InvokeArgs"]
        await self.invoke(call, {**request, "InvocationType": InvocationType.EVENT, "Payload": payload})
        return {"Status": 202}

    async def outcome(self, call: Call, request: Parameters) -> Outcome:
        """What comes of the invocation that *request* asks for, waited for."""
        return await self.run(await self.look_at(call, request))

    async def run(self, asked: Asked) -> Outcome:
        """Run it now; AWS's errors where that is not possible."""
        try:
            return await self._worker.invoke(asked.spec, asked.invocation)
        except ReservedExceeded:
            raise errors.too_many_requests("Rate Exceeded.", RESERVED) from None
        except Throttled:
            raise errors.too_many_requests("Rate Exceeded.", SHARED) from None
        except RuntimeNotInstalled as error:
            raise errors.invalid_parameter_value(str(error)) from error
        except SandboxFailed as error:
            raise errors.service_exception(f"Lamina could not make an execution environment: {error}") from error

    async def _run_event(self, event: Event) -> Outcome | GiveUp | None:
        """Run *event*; None if it could not even start and is to be tried again without counting.

        A GiveUp if its function has reserved no concurrency at all, so that it would wait in vain, or is in a loop.
        """
        try:
            _, spec = await self._resolve(event.function)
        except errors.ApiError as error:
            return Outcome(json.dumps({"errorMessage": error.message, "errorType": error.code}).encode(), error.code)
        name = str(event.function)
        try:
            trace = await self._loops.counted(event.function, name, event.trace_header or new_trace())
        except errors.ApiError:
            return GiveUp(RECURSIVE)
        invocation = Invocation(event.id, name, event.payload, spec.timeout_s, event.client_context, trace)
        try:
            outcome = await self._worker.invoke(spec, invocation)
        except ReservedExceeded as error:
            return GiveUp(ZERO_RESERVED) if error.none_ever else None
        except (Throttled, RuntimeNotInstalled, SandboxFailed):
            return None
        return replace(outcome, version=spec.version)

    async def spec_of(self, arn: FunctionArn) -> EnvironmentSpec:
        """What environments are made from that an invocation of *arn* gets. Raises ApiError."""
        _, spec = await self._resolve(arn)
        return spec

    async def _resolve(self, arn: FunctionArn) -> tuple[FunctionVersion, EnvironmentSpec]:
        """The version that an invocation of *arn* gets, ready to run."""
        changes = self._catalog.function_changes
        if changes != self._known_at or len(self._known) > _REMEMBERED_MAX:
            self._known.clear()
            self._known_at = changes
        route = self._known.get(arn)
        if route is None:
            route = await self._settled(arn)
            if self._catalog.function_changes == changes:
                self._known[arn] = route
        found = version, spec = route.choose(self._draw)
        if found[0].status.state is State.FAILED:
            raise errors.resource_conflict(
                "The operation cannot be performed at this time. "
                "The function is currently in the following state: Failed"
            )
        if self._live is not None and self._live.any:
            return version, await self._live.applied(version, spec)
        return found

    async def _settled(self, arn: FunctionArn) -> _Route:
        alias, found = await asyncio.to_thread(self._find, arn)
        targets = {}
        for version in found:
            # AWS refuses while Pending, for seconds; here that lasts milliseconds, which nobody should have to write
            # a loop for. No thread waits for it: there are few, and every cold start needs one.
            settled = version
            if version and not version.status.settled:
                activation = asyncio.wrap_future(self._activations.start(version))
                settled = await asyncio.wait_for(asyncio.shield(activation), _ACTIVATION_SECONDS_MAX)
            if settled is None:
                raise function_not_found(arn if arn.qualifier else arn.qualified(LATEST))
            targets[settled.version] = settled, self._the_one(EnvironmentSpec.of(settled))
        return _Route(alias, targets)

    def _the_one(self, spec: EnvironmentSpec) -> EnvironmentSpec:
        if len(self._specs) >= _SPECS_MAX:
            self._specs.clear()
        return self._specs.setdefault(spec, spec)

    def _find(self, arn: FunctionArn) -> tuple[Alias | None, Sequence[FunctionVersion | None]]:
        """What *arn* names, as recorded now: one version, or an alias and the versions it leads to."""
        with self._catalog.reading() as transaction:
            alias = None if arn.qualifier in (None, LATEST) else transaction.aliases.find(arn)
            names = (arn.qualifier,) if alias is None else alias.versions
            return alias, [transaction.functions.find(arn.scope, arn.name, name) for name in names]

    async def _check_runtime(self, spec: EnvironmentSpec) -> None:
        if not spec.runtime:
            raise errors.invalid_parameter_value(
                "The function is a container image (package type Image): it can be kept and described here, but not "
                "run. Make it of a zip archive to run it."
            )
        try:
            (await self._worker.runtimes()).kit(spec.runtime)
        except RuntimeNotInstalled as error:
            # Not InvalidRuntimeException: that is a 502, which SDKs try again five times.
            raise errors.invalid_parameter_value(str(error)) from error
        if spec.architecture != _ARCHITECTURES.get(_MACHINE):
            raise errors.invalid_parameter_value(
                f"The function is for {spec.architecture}, and this machine is {_MACHINE}: it can be kept and"
                " described here, but not run."
            )


def _header(given: str | None) -> str:
    return given or new_trace()


def _answer(function: FunctionVersion, outcome: Outcome, *, with_log: bool) -> Output:
    answer: dict[str, Any] = {
        "StatusCode": 200,
        "Payload": outcome.payload,
        "ExecutedVersion": function.version,
    }
    if outcome.function_error is not None:
        answer["FunctionError"] = outcome.function_error
    if with_log:
        answer["LogResult"] = base64.b64encode(outcome.log_tail).decode()
    return answer


def _client_context(encoded: str | None) -> str | None:
    """The client context as the runtime gets it: one line of ASCII JSON."""
    if encoded is None:
        return None
    try:
        context = json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        context = None
    if not isinstance(context, dict):
        raise errors.invalid_request_content("Client context must be a valid Base64-encoded JSON object.")
    return json.dumps(context, separators=(",", ":"))
