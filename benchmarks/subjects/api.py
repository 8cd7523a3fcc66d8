"""The Lambda API of whoever serves it, as far as measurements need it."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.calling import Called, Caller, CallFailed

FUNCTIONS = "/2015-03-31/functions"
LAYERS = "/2018-10-31/layers"

_ROLE = "arn:aws:iam::000000000000:role/benchmark"
_PATIENCE_S = 120
_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Function:
    """What a function is made of; *archive* is its code."""

    name: str
    archive: bytes
    runtime: str
    handler: str = "app.handler"
    memory_mb: int = 1024
    snap_start: bool = False


@dataclass(frozen=True, slots=True)
class Api:
    """A server of the Lambda API at *port*, called by *caller*."""

    name: str
    port: int
    caller: Caller

    def create(self, function: Function, *layers: str) -> None:
        """Make *function*, with *layers* in this order; once this returns it can be called."""
        request = {
            "FunctionName": function.name,
            "Runtime": function.runtime,
            "Handler": function.handler,
            "Role": _ROLE,
            "Code": {"ZipFile": base64.b64encode(function.archive).decode()},
            "Timeout": 60,
            "MemorySize": function.memory_mb,
            "Layers": list(layers),
        }
        if function.snap_start:
            request["SnapStart"] = {"ApplyOn": "PublishedVersions"}
        self.caller.call(self.port, "POST", FUNCTIONS, request)
        self.wait_active(function.name)

    def publish(self, function: str) -> tuple[str, bool]:
        """Publish a version. Its number, and whether it begins from a snapshot."""
        number: str = self.caller.call(self.port, "POST", f"{FUNCTIONS}/{function}/versions", {})["Version"]
        told = self.wait_active(function, number)
        return number, told.get("SnapStart", {}).get("OptimizationStatus") == "On"

    def publish_layer(self, name: str, archive: Path, runtime: str) -> str:
        """The ARN of a new layer version that is for *runtime*."""
        content = base64.b64encode(archive.read_bytes()).decode()
        request = {"Content": {"ZipFile": content}, "CompatibleRuntimes": [runtime]}
        arn: str = self.caller.call(self.port, "POST", f"{LAYERS}/{name}/versions", request)["LayerVersionArn"]
        return arn

    def wait_active(self, function: str, qualifier: str = "$LATEST") -> dict[str, Any]:
        """The configuration of *function* once it can be called. Raises CallFailed."""
        path = f"{FUNCTIONS}/{function}/configuration?Qualifier={qualifier}"
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            told: dict[str, Any] = self.caller.call(self.port, "GET", path)
            if told.get("State", "Active") == "Active" and told.get("LastUpdateStatus") != "InProgress":
                return told
            if told.get("State") == "Failed" or time.monotonic() > deadline:
                raise CallFailed(f"{function} is not ready: {told.get('State')}: {told.get('StateReason')}")
            time.sleep(_PAUSE_S)

    def invoke(self, function: str, qualifier: str = "", *, count: int = 1, pause_ms: float = 0) -> Called:
        """*count* calls, one after the other."""
        return self.caller.calls(self.port, path(function, qualifier), count=count, pause_ms=pause_ms)

    def flood(self, function: str, *, clients: int, seconds: float = 3600, each: int = -1) -> Called:
        """Calls by *clients* at once, for *seconds* or *each* times."""
        return self.caller.flood(self.port, path(function), clients=clients, seconds=seconds, each=each)


def path(function: str, qualifier: str = "") -> str:
    """Where *function* is invoked."""
    return f"{FUNCTIONS}/{function}/invocations" + (f"?Qualifier={qualifier}" if qualifier else "")
