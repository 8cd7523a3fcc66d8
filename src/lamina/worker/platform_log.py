"""What the platform itself says of an environment: in its log, as text or as JSON, and to whoever is told of events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lamina.environments.spec import EnvironmentSpec
from lamina.invocations import json_log_lines, log_lines, platform_events
from lamina.invocations.calls import Measured
from lamina.invocations.platform_events import Produced, Record
from lamina.runtime_api.log_frames import Piece
from lamina.runtime_api.subscriptions import Api
from lamina.worker.logs import EnvironmentLog

Tell = Callable[[str, "Record | str"], None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an invocation or an initialisation ended: "success", "failure", "error" or "timeout"."""

    status: str
    error_type: str | None = None


SUCCESS = Verdict("success")


class PlatformLog:
    """Says what happens in environments of one spec."""

    def __init__(self, spec: EnvironmentSpec, log: EnvironmentLog) -> None:
        self._tell: Tell | None = None
        self._log = log
        self._version = spec.version
        self._initialization = spec.initialization
        self._json = spec.log_format == "JSON"
        self._level = spec.system_log_level
        self._runtime = ("", "")

    def listen(self, tell: Tell | None, output: Callable[[Sequence[Piece]], None] | None) -> None:
        """From now on *tell* every event and its record, and give all *output* of processes; None: nobody."""
        self._tell = tell
        self._log.tap = output

    def init_started(self, runtime_version: str, runtime_arn: str) -> None:
        """The environment begins to be one."""
        self._runtime = (runtime_version, runtime_arn)
        if self._json:
            self._write("platform.initStart", self._init_start("init"))
        else:
            self._log.platform(log_lines.init_start(runtime_version, runtime_arn))

    def init_begins(self, phase: str) -> None:
        """Processes are being started, in *phase*: "init", or "invoke" when it is done again for an event."""
        if self._tell is not None:
            self._tell("platform.initStart", self._init_start(phase))

    def init_runtime_done(self, phase: str, verdict: Verdict) -> None:
        """The runtime is ready, or will not be."""
        if self._json or self._tell is not None:
            record = platform_events.init_runtime_done(self._initialization, phase, verdict.status, verdict.error_type)
            self._happened("platform.initRuntimeDone", record)

    def init_ended(self, phase: str, init_ms: float, verdict: Verdict) -> None:
        """All are ready, or will not be; as text, the log tells of it only if that went wrong."""
        if self._json or self._tell is not None:
            status, error_type = verdict.status, verdict.error_type
            record = platform_events.init_report(self._initialization, phase, status, error_type, init_ms)
            self._happened("platform.initReport", record)
        if not self._json and verdict != SUCCESS:
            self._log.platform(log_lines.init_report(init_ms, phase, _remark(verdict) or ""))

    def restore_begins(self, runtime_version: str, runtime_arn: str) -> None:
        """An environment is about to be restored from a snapshot."""
        if self._json:
            self._write("platform.restoreStart", platform_events.restore_start(runtime_version, runtime_arn))
        else:
            self._log.platform(log_lines.restore_start(runtime_version, runtime_arn))

    def restore_ended(self, restore_ms: float, verdict: Verdict) -> None:
        """The runtime has asked for its first event, or will not."""
        if self._json:
            done = platform_events.restore_runtime_done(verdict.status, verdict.error_type)
            self._write("platform.restoreRuntimeDone", done)
            record = platform_events.restore_report(verdict.status, verdict.error_type, restore_ms)
            self._write("platform.restoreReport", record)
        else:
            self._log.platform(log_lines.restore_report(restore_ms, _remark(verdict)))

    def subscribed(self, name: str, types: Sequence[str], api: Api) -> None:
        """The extension *name* has subscribed to *types* of telemetry."""
        record = platform_events.subscription(name, types)
        if self._json:
            self._write(f"platform.{api.name.lower()}Subscription", record)
        else:
            self._log.platform(log_lines.subscription(api.name, name, types))
        if self._tell is not None:
            # In the words of the older API where that is whose listener hears of it.
            self._tell("platform.telemetrySubscription", record)

    def extension(self, name: str, state: str, events: Sequence[str], error_type: str | None) -> None:
        """What has come of the extension *name*, once all are ready or will not be."""
        if not self._json:
            self._log.platform(log_lines.extension(name, state, events, error_type))
        self._happened("platform.extension", platform_events.extension(name, state, events, error_type))

    def started(self, request_id: str, trace_id: str | None = None) -> None:
        if self._json:
            self._write("platform.start", platform_events.start(request_id, self._version))
        else:
            self._log.platform(log_lines.start(request_id, self._version))
        if self._tell is not None:
            self._tell("platform.start", platform_events.start(request_id, self._version, trace_id))

    def timed_out(self, request_id: str, timeout_s: int) -> None:
        self._say(f"{_now()} {request_id} Task timed out after {timeout_s:.2f} seconds\n")

    def exited(self, request_id: str, error_type: str, text: str) -> None:
        self._say(f"RequestId: {request_id} Error: {text}\n{error_type}")

    def finished(
        self,
        request_id: str,
        verdict: Verdict,
        measured: Measured,
        produced: Produced | None = None,
        trace_id: str | None = None,
    ) -> None:
        """An invocation is over: with what there was of an answer."""
        if not self._json:
            remark = _remark(verdict)
            remarked = measured if remark is None else replace(measured, problem=remark)
            self._log.beside(log_lines.end(request_id) + log_lines.report(request_id, remarked))
        if not self._json and self._tell is None:
            return
        status, error_type = verdict.status, verdict.error_type
        done = platform_events.runtime_done(request_id, status, error_type, measured.duration_ms, produced, trace_id)
        report = platform_events.report(request_id, status, error_type, measured, trace_id)
        self._happened("platform.runtimeDone", done)
        if self._tell is not None:
            self._tell("platform.end", {"requestId": request_id})
        self._happened("platform.report", report)

    def _init_start(self, phase: str) -> Record:
        return platform_events.init_start(self._initialization, phase, *self._runtime)

    def _say(self, text: str) -> None:
        # In JSON, the verdict in the report says it.
        if not self._json:
            self._log.platform(log_lines.failure(text))
        if self._tell is not None:
            self._tell("platform.fault", text)

    def _happened(self, kind: str, record: Record) -> None:
        if self._json:
            self._write(kind, record)
        if self._tell is not None:
            self._tell(kind, record)

    def _write(self, kind: str, record: Record) -> None:
        level, text = json_log_lines.line(_now(), kind, record)
        if json_log_lines.shown(level, self._level):
            self._log.platform(text)


def _remark(verdict: Verdict) -> str | None:
    """What the last field of a text line says of *verdict*; a function's own error is no remark."""
    if verdict.status == "timeout":
        return "Status: timeout"
    if verdict.status == "error" and verdict.error_type:
        return f"Status: error\tError Type: {verdict.error_type}"
    return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
