"""What the platform says of an invocation, as text and as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lamina.environments.spec import EnvironmentSpec
from lamina.invocations.calls import Measured
from lamina.logs.names import LogGroupArn
from lamina.names import Digest, FunctionArn, Scope
from lamina.runtime_api.subscriptions import Api
from lamina.worker.logs import EnvironmentLog, LogStream
from lamina.worker.platform_log import PlatformLog, Verdict
from tests.support.logs import Written

TEXT = EnvironmentSpec(
    function=FunctionArn(Scope("123456789012", "eu-west-1"), "f"),
    version="7",
    runtime="python3.12",
    handler="app.handler",
    role="role",
    code=Digest.of(b"code"),
    layers=(),
    memory_mb=128,
    storage_mb=512,
    timeout_s=3,
    architecture="x86_64",
    variables=(),
    log_group="/aws/lambda/f",
    log_format="Text",
    application_log_level=None,
    system_log_level=None,
)
JSON = replace(TEXT, log_format="JSON")
WARM = Measured(duration_ms=2.5, memory_mb=128, memory_used_mb=36)
REPORT = "REPORT RequestId: ID\tDuration: 2.50 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t"


def said(spec: EnvironmentSpec, speak: Callable[[PlatformLog], None]) -> str:
    async def main() -> str:
        read, write = os.pipe()
        log = EnvironmentLog(read, LogStream(LogGroupArn(spec.function.scope, "group"), "stream", Written()))
        speak(PlatformLog(spec, log))
        tail = log.tail()
        log.close()
        os.close(read)
        os.close(write)
        return tail.decode()

    return asyncio.run(main())


def records(text: str) -> list[tuple[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)
    return [(line["type"], line["record"]) for line in lines]


def an_invocation(platform: PlatformLog) -> None:
    platform.started("ID")
    platform.finished("ID", Verdict("success"), WARM)


def test_an_invocation_in_text() -> None:
    expected = f"START RequestId: ID Version: 7\nEND RequestId: ID\n{REPORT}\n"
    assert said(TEXT, an_invocation) == expected


def test_an_invocation_in_json() -> None:
    (started, start), (reported, report) = records(said(JSON, an_invocation))
    assert (started, start) == ("platform.start", {"requestId": "ID", "version": "7"})
    assert (reported, report["status"]) == ("platform.report", "success")


def test_with_level_debug_the_end_is_told_too_and_with_warn_nothing_is() -> None:
    debug, warn = replace(JSON, system_log_level="DEBUG"), replace(JSON, system_log_level="WARN")
    kinds = [kind for kind, _ in records(said(debug, an_invocation))]
    assert kinds == ["platform.start", "platform.runtimeDone", "platform.report"]
    assert said(warn, an_invocation) == ""


@pytest.mark.parametrize(
    ("verdict", "remark"),
    [
        (Verdict("success"), ""),
        (Verdict("failure", "Exception"), ""),
        (Verdict("timeout"), "Status: timeout\t"),
        (Verdict("error", "Runtime.ExitError"), "Status: error\tError Type: Runtime.ExitError\t"),
    ],
)
def test_a_report_remarks_on_what_the_platform_ended(verdict: Verdict, remark: str) -> None:
    text = said(TEXT, lambda platform: platform.finished("ID", verdict, WARM))
    assert text == f"END RequestId: ID\n{REPORT}{remark}\n"


def test_a_timeout_has_a_line_of_its_own_in_text() -> None:
    text = said(TEXT, lambda platform: platform.timed_out("ID", 3))
    assert re.fullmatch(r"\S+Z ID Task timed out after 3\.00 seconds\n\n", text)
    assert said(JSON, lambda platform: platform.timed_out("ID", 3)) == ""


def test_an_exit_has_one_too() -> None:
    text = said(TEXT, lambda platform: platform.exited("ID", "Runtime.ExitError", "it exited"))
    assert text == "RequestId: ID Error: it exited\nRuntime.ExitError\n"


def test_a_failed_initialisation_is_reported() -> None:
    def failed(platform: PlatformLog) -> None:
        platform.init_ended("init", 12.5, Verdict("error", "Runtime.ImportModuleError"))

    assert said(TEXT, failed) == (
        "INIT_REPORT Init Duration: 12.50 ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError\n"
    )
    ((kind, record),) = records(said(JSON, failed))
    assert (kind, record["errorType"]) == ("platform.initReport", "Runtime.ImportModuleError")


def test_with_level_debug_every_step_of_the_beginning_is_told() -> None:
    def begun(platform: PlatformLog) -> None:
        platform.init_started("python:3.12.v3.12.1", "arn")
        platform.init_runtime_done("init", Verdict("success"))
        platform.init_ended("init", 12.5, Verdict("success"))

    debug = replace(JSON, system_log_level="DEBUG")
    assert [kind for kind, _ in records(said(debug, begun))] == [
        "platform.initStart",
        "platform.initRuntimeDone",
        "platform.initReport",
    ]
    assert [kind for kind, _ in records(said(JSON, begun))] == ["platform.initStart"]


def test_extensions_and_what_they_subscribed_to_have_lines() -> None:
    def seen(platform: PlatformLog) -> None:
        platform.subscribed("ears", ["platform", "function"], Api.TELEMETRY)
        platform.subscribed("old", ["platform"], Api.LOGS)
        platform.extension("ears", "Ready", ["INVOKE", "SHUTDOWN"], None)
        platform.extension("old", "InitError", [], "Extension.Oops")

    assert said(TEXT, seen).splitlines() == [
        "TELEMETRY\tName: ears\tState: Subscribed\tTypes: [Platform, Function]",
        "LOGS\tName: old\tState: Subscribed\tTypes: [Platform]",
        "EXTENSION\tName: ears\tState: Ready\tEvents: [INVOKE, SHUTDOWN]",
        "EXTENSION\tName: old\tState: InitError\tEvents: []\tError Type: Extension.Oops",
    ]
    assert [kind for kind, _ in records(said(JSON, seen))] == [
        "platform.telemetrySubscription",
        "platform.logsSubscription",
        "platform.extension",
        "platform.extension",
    ]


def test_the_first_line_names_the_runtime() -> None:
    def begun(platform: PlatformLog) -> None:
        platform.init_started("python:3.12.v3.12.1", "arn")

    assert said(TEXT, begun) == ("INIT_START Runtime Version: python:3.12.v3.12.1\tRuntime Version ARN: arn\n")
    ((kind, record),) = records(said(JSON, begun))
    assert (kind, record["runtimeVersion"]) == ("platform.initStart", "python:3.12.v3.12.1")
