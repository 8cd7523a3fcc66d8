"""The lines the platform itself writes into a function's log, in the text format."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lamina.invocations.calls import Measured

TAIL_BYTES = 4096


def init_start(runtime_version: str, runtime_arn: str) -> bytes:
    return f"INIT_START Runtime Version: {runtime_version}\tRuntime Version ARN: {runtime_arn}\n".encode()


def start(request_id: str, version: str) -> bytes:
    return f"START RequestId: {request_id} Version: {version}\n".encode()


def end(request_id: str) -> bytes:
    return f"END RequestId: {request_id}\n".encode()


def report(request_id: str, measured: Measured) -> bytes:
    """The REPORT line: tabs between the fields and one at the end. Init is billed since August 2025."""
    billed = math.ceil(measured.duration_ms + (measured.init_ms or 0.0))
    text = (
        f"REPORT RequestId: {request_id}\tDuration: {measured.duration_ms:.2f} ms\tBilled Duration: {billed} ms\t"
        f"Memory Size: {measured.memory_mb} MB\tMax Memory Used: {measured.memory_used_mb} MB\t"
    )
    if measured.init_ms is not None:
        text += f"Init Duration: {measured.init_ms:.2f} ms\t"
    if measured.restore_ms is not None:
        text += f"Restore Duration: {measured.restore_ms:.2f} ms\t"
        text += f"Billed Restore Duration: {math.ceil(measured.restore_ms)} ms\t"
    if measured.problem is not None:
        text += f"{measured.problem}\t"
    return (text + "\n").encode()


def init_report(init_ms: float, phase: str, problem: str) -> bytes:
    """What stands in the log when initialisation failed or took too long; *problem* such as "Status: timeout"."""
    return f"INIT_REPORT Init Duration: {init_ms:.2f} ms\tPhase: {phase}\t{problem}\n".encode()


def restore_start(runtime_version: str, runtime_arn: str) -> bytes:
    return f"RESTORE_START Runtime Version: {runtime_version}\tRuntime Version ARN: {runtime_arn}\n".encode()


def restore_report(restore_ms: float, problem: str | None) -> bytes:
    """The line behind a restore; *problem* such as "Status: timeout" where it went wrong."""
    return "\t".join(
        (f"RESTORE_REPORT Restore Duration: {restore_ms:.2f} ms", *([problem] if problem else []), "\n")
    ).encode()


def extension(name: str, state: str, events: Sequence[str], error_type: str | None) -> bytes:
    """What came of an extension once all were ready, or will not be; *events* are those it asked for."""
    fields = ["EXTENSION", f"Name: {name}", f"State: {state}", f"Events: [{', '.join(events)}]"]
    return ("\t".join([*fields, f"Error Type: {error_type}"] if error_type else fields) + "\n").encode()


def subscription(api: str, name: str, types: Sequence[str]) -> bytes:
    """That the extension *name* is told of *types*; *api* is "TELEMETRY", or "LOGS" for the older one."""
    listed = ", ".join(kind.capitalize() for kind in types)
    return f"{api}\tName: {name}\tState: Subscribed\tTypes: [{listed}]\n".encode()


def failure(text: str) -> bytes:
    """The line for a process that ended or a deadline that passed."""
    return f"{text}\n".encode()
