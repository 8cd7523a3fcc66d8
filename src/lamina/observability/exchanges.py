"""The request that is being answered, for whoever wants to say whose fault, time or doing something was."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lamina.names import Scope

if TYPE_CHECKING:
    from lamina.observability.spans import Root

# What is counted of a request whose operation was never found out.
UNKNOWN: Final = "unknown"


@dataclass(slots=True)
class Exchange:
    """One request and its answer. *began* is of `time.perf_counter`.

    *trace* is the header X-Amzn-Trace-Id, or else traceparent. Who handles it fills in what is found out: its
    `operation`, the `function` it names, its `root` span. Once it is `over`, what still goes on in its name is nobody's
    request any more.
    """

    request_id: str
    scope: Scope
    service: str
    began: float
    trace: str | None = None
    operation: str = UNKNOWN
    function: str | None = None
    root: Root | None = field(default=None, repr=False)
    over: bool = False


# Of the task that answers, and of those it begins.
current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)
