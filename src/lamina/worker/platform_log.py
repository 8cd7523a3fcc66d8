"""What the platform itself says in an environment's log, as text or as JSON, whichever the function is set to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lamina.environments.spec import EnvironmentSpec
from lamina.invocations import json_log_lines, log_lines
from lamina.invocations.calls import Measured
from lamina.worker.logs import EnvironmentLog


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an invocation or an initialisation ended: "success", "failure", "error" or "timeout"."""

    status: str
    error_type: str | None = None


class PlatformLog:
    """Writes the platform's lines for environments of one spec."""

    def __init__(self, spec: EnvironmentSpec, log: EnvironmentLog) -> None:
        self._log = log
        self._version = spec.version
        self._json = spec.log_format == "JSON"
        self._level = spec.system_log_level

    def init_started(self, runtime_version: str, runtime_arn: str) -> None:
        if self._json:
            self._write(json_log_lines.init_start(_now(), runtime_version, runtime_arn))
        else:
            self._log.platform(log_lines.init_start(runtime_version, runtime_arn))

    def init_failed(self, init_ms: float, verdict: Verdict) -> None:
        if self._json:
            self._write(json_log_lines.init_report(_now(), init_ms, verdict.status, verdict.error_type))
        else:
            self._log.platform(log_lines.init_report(init_ms, _remark(verdict) or ""))

    def started(self, request_id: str) -> None:
        if self._json:
            self._write(json_log_lines.start(_now(), request_id, self._version))
        else:
            self._log.platform(log_lines.start(request_id, self._version))

    def timed_out(self, request_id: str, timeout_s: int) -> None:
        self._say(f"{_now()} {request_id} Task timed out after {timeout_s:.2f} seconds\n")

    def exited(self, request_id: str, error_type: str, text: str) -> None:
        self._say(f"RequestId: {request_id} Error: {text}\n{error_type}")

    def finished(self, request_id: str, verdict: Verdict, measured: Measured) -> None:
        if self._json:
            now, duration_ms = _now(), measured.duration_ms
            self._write(json_log_lines.runtime_done(now, request_id, verdict.status, verdict.error_type, duration_ms))
            self._write(json_log_lines.report(now, request_id, verdict.status, verdict.error_type, measured))
        else:
            measured = replace(measured, problem=_remark(verdict))
            self._log.platform(log_lines.end(request_id) + log_lines.report(request_id, measured))

    def _say(self, text: str) -> None:
        # In JSON, the verdict in the report says it.
        if not self._json:
            self._log.platform(log_lines.failure(text))

    def _write(self, line: tuple[str, bytes]) -> None:
        level, text = line
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
