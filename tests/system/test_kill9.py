"""kill -9 the server under load: what it acknowledged is there and right, nothing is half there."""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.support import leaks, zips
from tests.support.functions import archive, wait_until
from tests.support.logs import logged
from tests.support.runtimes import NEWEST
from tests.support.server import ROLE, Server

# Answers what it was sent, with the layer it has; keeps nothing, since the environment dies with the server.
CODE = "import os\ndef handler(event, context): return [{tag!r}, event, sorted(os.listdir('/opt'))]"


@dataclass
class Ledger:
    """What the server has acknowledged. A thread each keeps its own part."""

    layers: dict[str, bytes] = field(default_factory=dict)  # version ARN -> SHA-256
    functions: dict[str, dict[str, Any]] = field(default_factory=dict)  # name -> what it must be
    # What was asked for and not answered may have happened or not.
    uncertain: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: int = 0


def _publish(client: Any, ledger: Ledger, dice: random.Random, stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        content = zips.of({f"data{number}": dice.randbytes(dice.choice([10, 1000, 300_000]))})
        answer = client.publish_layer_version(LayerName=f"layer-{number % 3}", Content={"ZipFile": content})
        ledger.layers[answer["LayerVersionArn"]] = hashlib.sha256(content).digest()


def _create_and_update(client: Any, ledger: Ledger, prefix: str, stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        name, tag = f"{prefix}-{number}", f"{prefix} {number}"
        layers = list(ledger.layers)[-1:]
        wanted = {"Description": tag, "Layers": layers, "tag": tag}
        ledger.uncertain[name] = wanted
        client.create_function(
            FunctionName=name, Runtime=NEWEST, Handler="index.handler", Role=ROLE, Timeout=30, Description=tag,
            Code={"ZipFile": archive(CODE.format(tag=tag))}, Layers=layers,
        )  # fmt: skip
        ledger.functions[name] = ledger.uncertain.pop(name)
        if number % 2:
            ledger.uncertain[name] = {**wanted, "Description": "changed"}
            with suppress(client.exceptions.ResourceConflictException):
                client.update_function_configuration(FunctionName=name, Description="changed")
                ledger.functions[name] = ledger.uncertain[name]
            ledger.uncertain.pop(name)


def _send_events(client: Any, ledger: Ledger, function: str, stop: threading.Event) -> None:
    while not stop.is_set():
        client.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
        ledger.events += 1


def _until_killed(work: Any, *arguments: Any) -> None:
    # The connection breaks in the middle of something: that is what this is for.
    with suppress(BotoCoreError, ClientError, ConnectionError):
        work(*arguments)


def _check(server: Server, ledger: Ledger, fresh: list[str]) -> None:
    client = server.client()
    for arn, digest in ledger.layers.items():
        found = client.get_layer_version_by_arn(Arn=arn)
        if arn in fresh:
            with urllib.request.urlopen(found["Content"]["Location"], timeout=60) as answer:
                assert hashlib.sha256(answer.read()).digest() == digest
    pages = client.get_paginator("list_functions").paginate()
    listed = {one["FunctionName"]: one for page in pages for one in page["Functions"]}
    assert set(ledger.functions) <= set(listed)
    for name, told in listed.items():
        possible = [known[name] for known in (ledger.functions, ledger.uncertain) if name in known]
        seen = (told["Description"], [layer["Arn"] for layer in told.get("Layers", [])])
        assert seen in [(one["Description"], one["Layers"]) for one in possible], name
        # What has happened after all is certain from now on.
        ledger.functions[name] = next(one for one in possible if (one["Description"], one["Layers"]) == seen)
    ledger.uncertain.clear()
    for name in [name for name in fresh if name in listed][-2:]:
        tag, event, opt = json.loads(client.invoke(FunctionName=name, Payload=b"7")["Payload"].read())
        assert (tag, event) == (ledger.functions[name]["tag"], 7)
        assert bool(opt) == bool(ledger.functions[name]["Layers"])


def _round(state: Path, dice: random.Random, ledger: Ledger, number: int, server: Server) -> None:
    """Load, kill, start again, check."""
    client = server.client(read_timeout=30)
    known = {*ledger.layers, *ledger.functions}
    stop = threading.Event()
    works = [
        (_publish, client, ledger, random.Random(number), stop),
        (_create_and_update, client, ledger, f"one-{number}", stop),
        (_create_and_update, client, ledger, f"two-{number}", stop),
        (_send_events, client, ledger, "events", stop),
    ]
    threads = [threading.Thread(target=_until_killed, args=work) for work in works]
    for thread in threads:
        thread.start()
    # Not to wait for anything, but to die at a moment nobody chose.
    time.sleep(dice.uniform(0.02, 0.5))
    children = leaks.descendants(server.process.pid)
    server.kill()
    stop.set()
    for thread in threads:
        thread.join()
    wait_until(lambda: _all_gone(children), what="processes of the killed server")
    again = Server.start(state, {"LAMBDA_RETRY_BASE_DELAY": "0"})
    server.endpoint, server.process = again.endpoint, again.process
    _check(server, ledger, [name for name in (*ledger.layers, *ledger.functions) if name not in known])


def _all_gone(pids: list[int]) -> bool:
    """Whether they have ended; those that have become ours are buried."""
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def _rounds(tmp_path: Path, count: int, seed: int) -> None:
    state, ledger, dice = tmp_path / "state", Ledger(), random.Random(seed)
    server = Server.start(state, {"LAMBDA_RETRY_BASE_DELAY": "0"})
    try:
        client = server.client()
        client.create_function(
            FunctionName="events", Runtime=NEWEST, Handler="index.handler", Role=ROLE, Description="",
            Code={"ZipFile": archive("def handler(event, context): print('RAN ' + context.aws_request_id)")},
        )  # fmt: skip
        ledger.functions["events"] = {"Description": "", "Layers": [], "tag": "events"}
        for number in range(count):
            _round(state, dice, ledger, number, server)
        assert len(ledger.layers) > count
        assert len(ledger.functions) > count
        # Every event that was acknowledged runs in the end; one that had run when the server died may run twice.
        wait_until(lambda: _ran(state) >= ledger.events, 60, f"{ledger.events} events ran")
    finally:
        assert server.stop() == 0, server.said()


def _ran(state: Path) -> int:
    """How many different events have run, by the function's log."""
    return len({line for line in logged(state, "events") if line.startswith("RAN ")})


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_twenty_times(tmp_path: Path) -> None:
    _rounds(tmp_path, 20, seed=4566)


@pytest.mark.skipif("LAMINA_KILLS" not in os.environ, reason="a campaign: LAMINA_KILLS=200 runs as many rounds")
@pytest.mark.timeout(7200)
def test_as_often_as_asked(tmp_path: Path) -> None:
    _rounds(tmp_path, int(os.environ["LAMINA_KILLS"]), seed=int.from_bytes(os.urandom(4), "big"))
