"""What the platform has to tell of an environment's phases: the records of platform.* events, as AWS documents them.

A function's log shows some of them where its LoggingConfig says JSON; an extension that subscribes to telemetry is sent
all. Durations are milliseconds; a status is "success", "failure", "error" or "timeout".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from lamina.invocations.calls import Measured
from lamina.values import dataclass

Record = dict[str, object]


@dataclass(frozen=True, slots=True)
class Streamed:
    """When a streamed response came: after *latency_ms*, for *response_ms*, of an invocation begun at *began*."""

    began: datetime
    latency_ms: float
    response_ms: float


@dataclass(frozen=True, slots=True)
class Produced:
    """The bytes of a response, and when they came if they were streamed."""

    size: int
    streamed: Streamed | None = None


def init_start(initialization: str, phase: str, runtime_version: str, runtime_arn: str) -> Record:
    """platform.initStart; *phase* is "init", or "invoke" where initialisation is repeated for an event."""
    return {
        "initializationType": initialization,
        "phase": phase,
        "runtimeVersion": runtime_version,
        "runtimeVersionArn": runtime_arn,
    }


def init_runtime_done(initialization: str, phase: str, status: str, error_type: str | None) -> Record:
    """platform.initRuntimeDone"""
    return {"initializationType": initialization, "phase": phase, "status": status, **_error(error_type)}


def init_report(initialization: str, phase: str, status: str, error_type: str | None, init_ms: float) -> Record:
    """platform.initReport"""
    return {
        "initializationType": initialization,
        "phase": phase,
        "status": status,
        **_error(error_type),
        "metrics": {"durationMs": round(init_ms, 3)},
    }


def start(request_id: str, version: str, trace_id: str | None = None) -> Record:
    """platform.start"""
    return {"requestId": request_id, "version": version, **_tracing(trace_id)}


def runtime_done(
    request_id: str,
    status: str,
    error_type: str | None,
    duration_ms: float,
    produced: Produced | None = None,
    trace_id: str | None = None,
) -> Record:
    """platform.runtimeDone"""
    metrics: Record = {"durationMs": round(duration_ms, 3)}
    if produced is not None:
        metrics["producedBytes"] = produced.size
    return {
        "requestId": request_id,
        "status": status,
        **_error(error_type),
        "metrics": metrics,
        **({} if produced is None or produced.streamed is None else {"spans": _spans(produced.streamed)}),
        **_tracing(trace_id),
    }


def report(
    request_id: str, status: str, error_type: str | None, measured: Measured, trace_id: str | None = None
) -> Record:
    """platform.report"""
    metrics: dict[str, float] = {
        "durationMs": round(measured.duration_ms, 3),
        "billedDurationMs": math.ceil(measured.duration_ms + (measured.init_ms or 0.0)),
        "memorySizeMB": measured.memory_mb,
        "maxMemoryUsedMB": measured.memory_used_mb,
    }
    if measured.init_ms is not None:
        metrics["initDurationMs"] = round(measured.init_ms, 3)
    if measured.restore_ms is not None:
        metrics["restoreDurationMs"] = round(measured.restore_ms, 3)
        metrics["billedRestoreDurationMs"] = math.ceil(measured.restore_ms)
    return {
        "requestId": request_id,
        "metrics": metrics,
        "status": status,
        **_error(error_type),
        **_tracing(trace_id),
    }


def restore_start(runtime_version: str, runtime_arn: str) -> Record:
    """platform.restoreStart"""
    return {"runtimeVersion": runtime_version, "runtimeVersionArn": runtime_arn}


def restore_runtime_done(status: str, error_type: str | None) -> Record:
    """platform.restoreRuntimeDone"""
    return {"status": status, **_error(error_type)}


def restore_report(status: str, error_type: str | None, restore_ms: float) -> Record:
    """platform.restoreReport"""
    return {"status": status, **_error(error_type), "metrics": {"durationMs": round(restore_ms, 3)}}


def extension(name: str, state: str, events: Sequence[str], error_type: str | None) -> Record:
    """platform.extension"""
    return {"name": name, "state": state, "events": list(events), **_error(error_type)}


def subscription(name: str, types: Sequence[str]) -> Record:
    """platform.telemetrySubscription, and platform.logsSubscription of the older API"""
    return {"name": name, "state": "Subscribed", "types": list(types)}


def logs_dropped(records: int, size: int) -> Record:
    """platform.logsDropped"""
    reason = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
    return {"reason": reason, "droppedRecords": records, "droppedBytes": size}


def _spans(streamed: Streamed) -> list[Record]:
    first = streamed.began + timedelta(milliseconds=streamed.latency_ms)
    return [
        _span("responseLatency", streamed.began, streamed.latency_ms),
        _span("responseDuration", first, streamed.response_ms),
    ]


def _span(name: str, start: datetime, duration_ms: float) -> Record:
    moment = start.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"name": name, "start": moment, "durationMs": round(duration_ms, 3)}


def _error(error_type: str | None) -> Mapping[str, object]:
    return {"errorType": error_type} if error_type else {}


def _tracing(trace_id: str | None) -> Mapping[str, object]:
    return {"tracing": {"type": "X-Amzn-Trace-Id", "value": trace_id}} if trace_id else {}
