"""Moving the consumers of one layer version to another: a roll-out, beside a loop of `aws` commands in the shell."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.bench import COUNTING, Bench, code
from benchmarks.calling import Caller
from benchmarks.samples import Row, Tally
from benchmarks.subjects.api import FUNCTIONS, LAYERS
from tests.support.server import Server

_LAYER, _NEWEST, _FROM = "shared", 12, 1
_USED = (1, 2, 10, 11)
_CLIENTS = 8
_REQUEST = re.compile(r" (?:GET|POST|PUT|DELETE) /\S+ \d{3} ")
# Kinder than the loop that circulates, which reads every function by a call of its own and takes version 10 for 1: it
# asks the list alone, compares whole ARNs, keeps the order, and waits for each update.
_LOOP = """
set -euo pipefail
before=$1 after=$2
aws lambda list-functions --output text \
  --query "Functions[?Layers[?Arn=='$before']].[FunctionName, join(' ', Layers[].Arn)]" |
while read -r function layers; do
  wanted=()
  for layer in $layers; do
    [ "$layer" = "$before" ] && layer=$after
    wanted+=("$layer")
  done
  aws lambda update-function-configuration --function-name "$function" --layers "${wanted[@]}" </dev/null >/dev/null
  aws lambda wait function-updated-v2 --function-name "$function" </dev/null
done
"""


@dataclass(frozen=True, slots=True)
class _World:
    """A server with functions and the layer; *environ* is for commands that talk to it."""

    server: Server
    environ: Mapping[str, str]

    def arn(self, number: int) -> str:
        return f"arn:aws:lambda:us-east-1:000000000000:layer:{_LAYER}:{number}"

    def layers(self) -> dict[str, list[str]]:
        """The layers of every function, in order."""
        pages = self.server.client().get_paginator("list_functions").paginate()
        functions = [function for page in pages for function in page["Functions"]]
        return {each["FunctionName"]: [layer["Arn"] for layer in each.get("Layers", ())] for each in functions}

    def requests(self) -> int:
        """How many the server has answered so far."""
        return len(_REQUEST.findall(self.server.said()))

    def lamina(self, *arguments: str) -> str:
        """What `lamina` prints for *arguments*."""
        return self._run([str(Path(sys.executable).with_name("lamina")), *arguments])

    def loop(self) -> None:
        """Move the consumers as a shell does it."""
        self._run(["bash", "-c", _LOOP, "loop", self.arn(_FROM), self.arn(_NEWEST)])

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout


def measure(bench: Bench) -> Iterator[Row]:
    """One row. Both take the same functions from version 1 to 12, and leave all others as they are."""
    functions = 100 if bench.quick else 1000
    folder = bench.fresh("rollouts")
    # Its log tells of every request.
    with Server.started(folder / "state", {"LAMINA_LOG_LEVEL": "debug"}) as server:
        world = _World(server, _environ(server, folder))
        _fill(bench.caller, server, bench.interpreter.runtime, functions)
        before = world.layers()
        moving = [name for name, layers in before.items() if world.arn(_FROM) in layers]
        after = {
            name: [world.arn(_NEWEST) if layer == world.arn(_FROM) else layer for layer in layers]
            for name, layers in before.items()
        }
        tally = Tally()
        plan = ""

        def roll_out() -> None:
            nonlocal plan
            planned = ("rollout", "plan", _LAYER, "--from", str(_FROM), "--to", str(_NEWEST), "--json")
            plan = json.loads(world.lamina(*planned))["id"]
            world.lamina("rollout", "apply", plan, "--quiet")

        for name, work in (("Lamina", roll_out), ("bash loop", world.loop)):
            requests, began = world.requests(), time.perf_counter()
            work()
            tally.add(name, "s", time.perf_counter() - began)
            tally.add(f"{name}, calls of the API", "", world.requests() - requests)
            assert world.layers() == after, f"{name} has not moved them as it should"
            if name == "Lamina":
                world.lamina("rollout", "rollback", plan, "--quiet")
                assert world.layers() == before, "the rollback has not put everything back"
    note = f"{len(moving)} of {functions:,} functions, of which {functions * 6 // 10} use the layer, in four versions"
    yield Row.of("rollout", tally.samples(), note)


def _fill(caller: Caller, server: Server, runtime: str, functions: int) -> None:
    """Three in five *functions* have one of the used versions between two other layers, the rest a layer alone."""
    port = urlsplit(server.endpoint).port
    assert port is not None
    archive = base64.b64encode(code(COUNTING)).decode()
    arns: dict[str, list[str]] = {}
    # A layer whose name goes on where the other's ends is there to be mistaken for it.
    for name, versions in {_LAYER: _NEWEST, f"{_LAYER}-too": 1, "above": 1}.items():
        for number in range(versions):
            content = base64.b64encode(code(f"number = {number}", f"python/{name}.py")).decode()
            told = caller.call(port, "POST", f"{LAYERS}/{name}/versions", {"Content": {"ZipFile": content}})
            arns.setdefault(name, []).append(told["LayerVersionArn"])
    shared, beside, above = arns[_LAYER], arns[f"{_LAYER}-too"][0], arns["above"][0]
    bodies = []
    for index in range(functions):
        version = _USED[index // 5 % len(_USED)]
        layers = [beside, shared[version - 1], above] if index % 5 < 3 else [beside]
        bodies.append(
            {
                "FunctionName": f"one-of-{index}",
                "Runtime": runtime,
                "Handler": "app.handler",
                "Role": "arn:aws:iam::000000000000:role/benchmark",
                "Code": {"ZipFile": archive},
                "Layers": layers,
            }
        )
    caller.each(port, [(FUNCTIONS, body) for body in bodies], clients=_CLIENTS)


def _environ(server: Server, folder: Path) -> dict[str, str]:
    """For a user of *server* with nothing configured, who keeps everything below *folder*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMINA_"))}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "user-state"),
        "XDG_CACHE_HOME": str(folder / "user-cache"),
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_PAGER": "",
    }
