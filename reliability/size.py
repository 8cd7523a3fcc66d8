"""A large catalog: how soon a server is ready with it, after a kill too, and what answers take beside an empty one's.

Both servers run at once and are asked in turns, so that a busy machine slows both.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.processes import pss_mb
from reliability import filling
from tests.support import zips
from tests.support.functions import create, layer, wait_until
from tests.support.server import ROLE, Server

STARTS: Final = 5
_TIMES: Final = 30
_SETTINGS: Final = {"LAMINA_LOG_LEVEL": "error"}
# By then whatever a start leaves to be done behind it is done.
_SETTLED_S: Final = 10


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one kind of request, on the large server and on the empty one: medians, and the slowest."""

    large_ms: float
    empty_ms: float
    large_max_ms: float
    empty_max_ms: float


def measure(folder: Path, functions: int, layer_versions: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Fill *folder*/large unless that was done, and measure."""
    state = folder / "large"
    if not (state / "catalog.db").exists():
        say(f"writing {functions} functions and {layer_versions} layer versions")
        say(str(filling.fill(state, functions, layer_versions)))
    say("starting")
    stopped, empty = _starts(state, killed=False), _starts(folder / "empty", killed=False)
    say("killing under load, and starting")
    killed = _starts(state, killed=True)
    with ExitStack() as running:
        large = running.enter_context(Server.started(state, _SETTINGS))
        small = running.enter_context(Server.started(folder / "empty", _SETTINGS))
        time.sleep(_SETTLED_S)
        memory = [round(pss_mb([server.process.pid]), 1) for server in (large, small)]
        say("asking both")
        timings = _asked(large, small)
    return {
        "functions": functions,
        "layer_versions": layer_versions,
        "ready_s": stopped,
        "ready_empty_s": empty,
        "ready_killed_s": killed,
        "server_mb": memory[0],
        "server_empty_mb": memory[1],
        "timings": {name: asdict(timing) for name, timing in timings.items()},
    }


def _starts(state: Path, *, killed: bool) -> list[float]:
    """Seconds to the readiness line, each time after the server was stopped, or *killed* while it was published to."""
    ready = []
    for _ in range(STARTS):
        if killed:
            _kill_under_load(Server.start(state, _SETTINGS))
        began = time.monotonic()
        server = Server.start(state, _SETTINGS)
        ready.append(round(time.monotonic() - began, 2))
        code = server.stop()
        assert code == 0, server.said()
    return ready


def _kill_under_load(server: Server) -> None:
    stop = threading.Event()

    def publish() -> None:
        client = server.client()
        for number in itertools.count():
            if stop.is_set():
                return
            content = zips.of({"data": f"{time.time_ns()} {number}".encode()})
            # It is killed in the middle of one.
            with suppress(BotoCoreError, ClientError):
                client.publish_layer_version(LayerName="killed", Content={"ZipFile": content})

    publishing = threading.Thread(target=publish)
    publishing.start()
    time.sleep(0.5)
    server.kill()
    stop.set()
    publishing.join()


def _asked(large: Server, small: Server) -> dict[str, Timing]:
    layer(small, {"python/part.py": b"WORD = 'few'\n"}, name=filling.layer_name(1))
    few = create(small, filling.CODE, name=filling.function_name(1), Layers=[_first_layer(small)])
    wait_until(lambda: few.settled, 30, "the function has settled")
    clients = large.client(), small.client()
    timings = {}
    for name, ask in _KINDS.items():
        took: list[list[float]] = [[], []]
        for number, (times, client) in itertools.product(range(_TIMES), zip(took, clients, strict=True)):
            # What the one before began is no part of this one.
            wait_until(partial(_is_settled, client), 30, "the function has settled")
            began = time.perf_counter()
            ask(client, number)
            times.append((time.perf_counter() - began) * 1000)
        timings[name] = Timing(*(round(value, 2) for value in (*map(median, took), *map(max, took))))
    return timings


def _first_layer(server: Server) -> str:
    told = server.client().list_layer_versions(LayerName=filling.layer_name(1))
    arn: str = told["LayerVersions"][-1]["LayerVersionArn"]
    return arn


def _publish(client: Any, _: int) -> None:
    content = zips.of({"data": f"{time.time_ns()}".encode()})
    client.publish_layer_version(LayerName=filling.layer_name(1), Content={"ZipFile": content})


def _create(client: Any, _: int) -> None:
    client.create_function(
        FunctionName=f"new-{time.time_ns()}",
        Runtime="python3.12",
        Handler="index.handler",
        Role=ROLE,
        Code={"ZipFile": zips.of({"index.py": b"def handler(event, context): pass\n"})},
    )


# What is asked, by the operation; every kind works on a server with much in it and on one with next to nothing.
_KINDS: Final[dict[str, Callable[[Any, int], object]]] = {
    "GetFunction": lambda client, _: client.get_function(FunctionName=filling.function_name(1)),
    "GetLayerVersion": lambda client, _: client.get_layer_version(LayerName=filling.layer_name(1), VersionNumber=1),
    "ListFunctions, a page": lambda client, _: client.list_functions(),
    "ListLayers, a page": lambda client, _: client.list_layers(CompatibleRuntime="python3.12"),
    "ListLayerVersions, a page": lambda client, _: client.list_layer_versions(LayerName=filling.layer_name(1)),
    "GetAccountSettings": lambda client, _: client.get_account_settings(),
    "PublishLayerVersion": _publish,
    "CreateFunction": _create,
    "Invoke": lambda client, _: client.invoke(FunctionName=filling.function_name(1), Payload="1"),
    "UpdateFunctionConfiguration": lambda client, number: client.update_function_configuration(
        FunctionName=filling.function_name(1), Description=str(number)
    ),
}


def _is_settled(client: Any) -> bool:
    told = client.get_function_configuration(FunctionName=filling.function_name(1))
    return bool(told["LastUpdateStatus"] == "Successful")


def text(told: dict[str, Any]) -> str:
    """What *told*, of `measure`, says to a person."""
    lines = [
        f"{told['functions']} functions, {told['layer_versions']} layer versions",
        _ready("ready after a stop", told["ready_s"]),
        _ready("ready after kill -9", told["ready_killed_s"]),
        _ready("ready with nothing", told["ready_empty_s"]),
        f"memory of the server's process: {told['server_mb']} MB, with nothing {told['server_empty_mb']} MB",
        f"{'':30} {'large':>9} {'empty':>9} ms (median), slowest",
    ]
    for name, timing in told["timings"].items():
        lines.append(
            f"{name:30} {timing['large_ms']:9.2f} {timing['empty_ms']:9.2f}"
            f"    {timing['large_max_ms']:9.2f} {timing['empty_max_ms']:9.2f}"
        )
    return "\n".join(lines)


def _ready(what: str, seconds: Sequence[float]) -> str:
    return f"{what}: {median(seconds)} s (median of {', '.join(map(str, seconds))})"
