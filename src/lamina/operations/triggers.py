"""Functions invoked by the services beside Lambda: recorded, as Invoke does it, before those services answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from lamina.catalog.port import Catalog
from lamina.catalog.queues import Event
from lamina.companions import Trigger
from lamina.functions.permissions import lets_service
from lamina.invocations.identifiers import new_request_id, new_trace
from lamina.names import LATEST, FunctionArn, Scope, parse_function_name

_log = logging.getLogger(__name__)


class Triggers:
    """Gives to *record* what functions are to be invoked with, if their policies let the service in.

    Nobody waits for an answer who could be told of a refusal: what is refused is in the server's log.
    """

    def __init__(self, catalog: Catalog, record: Callable[[Event], Awaitable[None]]) -> None:
        self._catalog = catalog
        self._record = record

    async def take(self, triggers: Sequence[Trigger]) -> None:
        """Record an invocation for each of *triggers*. Call on the loop."""
        for trigger in triggers:
            try:
                await self._take(trigger)
            except Exception:  # noqa: BLE001 - what the service did is done, and its answer says so
                _log.exception("%s could not be invoked for %s", trigger.function, trigger.source)

    async def _take(self, trigger: Trigger) -> None:
        function = _function(trigger.function)
        if not await asyncio.to_thread(self._is_let_in, function, trigger):
            _log.warning(
                "%s is not invoked for %s: its policy does not let %s in, as `aws lambda add-permission --action "
                "lambda:InvokeFunction --principal %s --source-arn %s` has it",
                *(function, trigger.source, trigger.service, trigger.service, trigger.source),
            )
            return
        now = time.time()
        trace = trigger.trace or new_trace()
        event = Event(new_request_id(), function, trigger.event.encode(), now, now, trace_header=trace)
        await self._record(event)

    def _is_let_in(self, function: FunctionArn, trigger: Trigger) -> bool:
        with self._catalog.reading() as transaction:
            policy = transaction.policies.of_function(function)
        return lets_service(policy, trigger.service, trigger.source, trigger.account)


def _function(arn: str) -> FunctionArn:
    named = parse_function_name(arn)
    assert named.account is not None, "services name functions in full"
    assert named.region is not None, "services name functions in full"
    qualifier = None if named.qualifier == LATEST else named.qualifier
    return FunctionArn(Scope(named.account, named.region), named.name, qualifier)
