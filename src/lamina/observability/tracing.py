"""Which spans a request has, and how they hang together: the gateway's; below it the queue, the start, the invocation.

The trace header that a function is given names its invocation's span, so that what it reports itself hangs below that.
An event that runs later, after a restart perhaps, was kept with a header that names the span of its request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from lamina.observability.exchanges import UNKNOWN, Exchange, current
from lamina.observability.meter import Meter
from lamina.observability.passages import Passage
from lamina.observability.spans import INTERNAL, SERVER, Attributes, Root, Sampler, Span, TraceContext

_NS: Final = 1_000_000_000
_SERVICES: Final = {"lambda": "Lambda", "logs": "CloudWatchLogs", "cloudformation": "CloudFormation"}
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class _Call:
    """An invocation under way that is recorded: its trace, its span, and the span that it hangs below."""

    trace_id: str
    span_id: str
    parent_id: str | None


class TracingMeter(Meter):
    """Counts, and makes spans of what it is told, which go to *emit*.

    *new_id* gives as many random bytes as it is asked for, in hexadecimal; *new_header* a trace header for who brings
    none; *epoch_ns* the nanoseconds since 1970 at which the clock of exchanges and passages was 0.
    """

    def __init__(
        self,
        sampler: Sampler,
        emit: Callable[[Span], None],
        new_id: Callable[[int], str],
        new_header: Callable[[], str],
        epoch_ns: Callable[[], int],
    ) -> None:
        super().__init__()
        self._sampler = sampler
        self._emit = emit
        self._new_id = new_id
        self._new_header = new_header
        self._epoch_ns = epoch_ns
        # By the header that their function is given.
        self._calls: dict[str, _Call] = {}

    def header(self, given: str | None) -> str:
        """The trace header of an invocation that is asked for by the request under way, with *given* if with any."""
        exchange = current.get()
        if exchange is not None and not exchange.over:
            root = self._root(exchange)
            if root.recorded:
                return str(root.context)
        return given or self._new_header()

    def enter(self, header: str | None) -> str | None:
        """The header for the function of a call that came with *header*; None where the call is not recorded."""
        context = None if header is None else TraceContext.parse(header)
        if context is None or not self._sampler.samples(context):
            return None
        call = _Call(context.trace_id, self._new_id(8), context.span_id)
        given = str(replace(context, span_id=call.span_id, sampled=True))
        self._calls[given] = call
        return given

    def leave(self, given: str) -> None:
        """The call whose function was *given* that header is over, however it ended."""
        del self._calls[given]

    def invoked(self, passage: Passage) -> None:
        super().invoked(passage)
        call = self._calls.get(passage.trace or "")
        if call is not None:
            self._tell(call, passage)

    def answered(self, exchange: Exchange, status: int, now: float) -> None:
        super().answered(exchange, status, now)
        root = None if exchange.operation == UNKNOWN else self._root(exchange)
        if root is None or not root.recorded:
            return
        service = _SERVICES.get(exchange.service, exchange.service)
        attributes: dict[str, str | int | float | bool] = {
            "rpc.system": "aws-api",
            "rpc.service": service,
            "rpc.method": exchange.operation,
            "http.response.status_code": status,
            "aws.request_id": exchange.request_id,
            "cloud.account.id": exchange.scope.account,
            "cloud.region": exchange.scope.region,
        }
        if exchange.function is not None:
            attributes["faas.invoked_name"] = exchange.function
        error = f"HTTP status {status}" if status >= _SERVER_ERROR else None
        at = root.context
        assert at.span_id is not None, "a root names its own span"
        call = _Call(at.trace_id, at.span_id, root.parent_id)
        self._span(call, f"{service}/{exchange.operation}", SERVER, (exchange.began, now), attributes, error)

    def _root(self, exchange: Exchange) -> Root:
        if exchange.root is None:
            given = exchange.trace or ""
            context = TraceContext.parse(given) or TraceContext.parse_traceparent(given)
            if context is None:
                begun = TraceContext.parse(self._new_header())
                assert begun is not None, "what this server makes up is a trace header"
                context = TraceContext(begun.trace_id, None, None)
            own = replace(context, span_id=self._new_id(8), sampled=True)
            exchange.root = Root(self._sampler.samples(context), own, context.span_id)
        return exchange.root

    def _tell(self, call: _Call, passage: Passage) -> None:
        queue = replace(call, span_id=self._new_id(8))
        self._span(queue, "queue", INTERNAL, (passage.asked, passage.obtained), {})
        start = passage.start
        # One that was started ahead, or for somebody else, kept nobody waiting here.
        cold = start is not None and start.ready > passage.asked
        if start is not None and cold:
            attributes = {"lamina.initialization": start.initialization}
            for name, begun, over in (("sandbox", start.turn, start.assembled), ("init", start.assembled, start.ready)):
                below = _Call(call.trace_id, self._new_id(8), queue.span_id)
                self._span(below, name, INTERNAL, (begun, over), attributes)
        function = passage.function
        attributes_of_call: Attributes = {
            "faas.name": function.name,
            "faas.version": passage.version,
            "faas.invocation_id": passage.request_id,
            "faas.coldstart": cold,
            "cloud.account.id": function.scope.account,
            "cloud.region": function.scope.region,
        }
        error = "the function failed" if passage.failed else None
        moments = (passage.obtained, passage.answered)
        self._span(call, f"invoke {function.name}", INTERNAL, moments, attributes_of_call, error)

    def _span(
        self,
        call: _Call,
        name: str,
        kind: int,
        moments: tuple[float, float],
        attributes: Attributes,
        error: str | None = None,
    ) -> None:
        epoch_ns = self._epoch_ns()
        begun, over = (epoch_ns + round(moment * _NS) for moment in moments)
        self._emit(Span(call.trace_id, call.span_id, call.parent_id, name, kind, begun, over, attributes, error))
