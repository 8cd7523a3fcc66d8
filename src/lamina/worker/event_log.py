"""What is written down of every event: how it went, how long it took, what it used."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from lamina.environments.spec import EnvironmentSpec
from lamina.invocations import calls
from lamina.invocations.calls import Invocation, Measured
from lamina.invocations.platform_events import Produced, Streamed
from lamina.runtime_api.extensions import ExtensionFailed
from lamina.runtime_api.session import Answer
from lamina.values import dataclass
from lamina.worker.happenings import Exited, Failure, TimeIsUp, Told
from lamina.worker.logs import EnvironmentLog
from lamina.worker.memory import MemoryGauge
from lamina.worker.platform_log import PlatformLog


@dataclass(frozen=True, slots=True)
class Taken:
    """How long an event took, which began at *began* of `time.perf_counter`, and what had come before it."""

    duration_ms: float
    init_ms: float | None
    restore_ms: float | None
    began: float


class EventLog:
    """Writes down the events of environments of *spec*, behind what their processes wrote."""

    def __init__(self, spec: EnvironmentSpec, log: EnvironmentLog, platform: PlatformLog, memory: MemoryGauge) -> None:
        self._spec = spec
        self._log = log
        self._platform = platform
        self._memory = memory

    def failed(self, invocation: Invocation, happened: Answer | Failure) -> None:
        """The platform's own line, where it has one to say about how an invocation ended."""
        if isinstance(happened, Exited):
            self._platform.exited(invocation.request_id, *calls.describe_end(happened.end))
        elif isinstance(happened, ExtensionFailed):
            self._platform.exited(invocation.request_id, happened.error_type, happened.text)
        elif isinstance(happened, TimeIsUp):
            self._platform.timed_out(invocation.request_id, invocation.timeout_s)

    def finished(
        self, invocation: Invocation, happened: Answer | Failure, outcome: Told, taken: Taken, runtime_pid: int
    ) -> None:
        """An event is over, and its output taken; *runtime_pid* is the process that had it, 0 if unknown."""
        measured = Measured(
            duration_ms=min(taken.duration_ms, invocation.timeout_s * 1000.0),
            memory_mb=self._spec.memory_mb,
            memory_used_mb=min(self._memory.used_mb(runtime_pid), self._spec.memory_mb),
            init_ms=taken.init_ms,
            restore_ms=taken.restore_ms,
        )
        produced = _produced(happened, outcome.payload, taken.began) if isinstance(happened, Answer) else None
        self._platform.finished(invocation.request_id, outcome.verdict, measured, produced, invocation.trace_id)
        self._log.flush()


def _produced(answer: Answer, payload: bytes, began: float) -> Produced:
    """What there was of *answer*, to an invocation that began at *began* of `time.perf_counter`."""
    flow = answer.streamed
    if flow is None:
        return Produced(len(payload))
    moment = datetime.now(UTC) - timedelta(seconds=time.perf_counter() - began)
    return Produced(flow.size, Streamed(moment, (flow.began - began) * 1000, (flow.ended - flow.began) * 1000))
