"""Functions by the dozen that use a layer, and roll-outs of it: planned here as a test wants them."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lamina.rollouts import configurations
from lamina.rollouts.consumers import Place, layer_version
from lamina.rollouts.journal import Record
from lamina.rollouts.plans import Move, OnFailure, Options, Plan, Target, Verification
from lamina.rollouts.progress import Progress
from lamina.rollouts.steps import Stage
from lamina.workshop.rollouts.carrying import Carrier
from lamina.workshop.rollouts.reporting import report, way_on
from lamina.workshop.rollouts.stored import Rollouts
from tests.support import zips
from tests.support.command_line import LAMINA
from tests.support.functions import unique
from tests.support.runtimes import NEWEST
from tests.support.server import REGION, ROLE

PLAIN = Verification({})
INVOKED = Verification({"event": "{}"})
# Says which version of the layer it has; one that is called old… needs what the second version lacks.
CODE = b"""
import shared
def handler(event, context):
    if context.function_name.startswith("old"):
        shared.legacy()
    return {"version": shared.VERSION}
"""
_SHARED = "VERSION = {}\ndef legacy(): pass\n", "VERSION = {}\n"
# What a change made twice, there and back, leaves different.
_FLEETING = ("RevisionId", "LastModified", "ResponseMetadata")


@dataclass
class Fleet:
    """Functions at an endpoint, each with two layers before and one behind the one that is rolled out."""

    client: Any
    endpoint: str
    names: list[str] = field(default_factory=list)
    layer: str = field(default_factory=lambda: unique("shared"))
    versions: dict[int, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    role: str = ROLE

    @classmethod
    def of(
        cls, client: Any, endpoint: str, count: int, old: int = 0, *, alias: str | None = None, role: str = ROLE
    ) -> Fleet:
        """*count* functions, *old* of which break with the second version; with an *alias* that leads to a version."""
        fleet = cls(client, endpoint, role=role)
        for number in (1, 2):
            source = _SHARED[number - 1].format(number).encode()
            fleet.versions[number] = fleet.publish(fleet.layer, {"python/shared.py": source})
        fleet.others = [fleet.publish(unique("other"), {f"other{number}": b""}) for number in range(3)]
        # Old ones spread evenly among the others.
        fleet.names = [unique("old" if number * old // count < (number + 1) * old // count else "new")
                       for number in range(count)]  # fmt: skip
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda name: fleet.create(name, alias), fleet.names))
        return fleet

    def publish(self, name: str, files: dict[str, bytes]) -> str:
        answer = self.client.publish_layer_version(LayerName=name, Content={"ZipFile": zips.of(files)})
        arn: str = answer["LayerVersionArn"]
        return arn

    def layers(self, number: int) -> list[str]:
        """What a function has with version *number* of the layer."""
        return [*self.others[:2], self.versions[number], self.others[2]]

    def create(self, name: str, alias: str | None) -> None:
        self.client.create_function(
            FunctionName=name,
            Runtime=NEWEST,
            Handler="index.handler",
            Role=self.role,
            Code={"ZipFile": zips.of({"index.py": CODE})},
            Layers=self.layers(1),
            Environment={"Variables": {"NAME": name}},
        )
        self.client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
        if alias is not None:
            self.client.publish_version(FunctionName=name)
            self.client.create_alias(FunctionName=name, Name=alias, FunctionVersion="1")

    def configuration(self, name: str, qualifier: str = "$LATEST") -> dict[str, Any]:
        """All that the API tells of it, but for what every change leaves different."""
        told = self.client.get_function_configuration(FunctionName=name, Qualifier=qualifier)
        return {member: value for member, value in told.items() if member not in _FLEETING}

    def state(self) -> dict[str, Any]:
        """Everything of every function that is still there: its configuration, versions and aliases."""
        return {name: self._state(name) for name in self.names}

    def _state(self, name: str) -> Any:
        try:
            versions = self.client.list_versions_by_function(FunctionName=name)["Versions"]
            aliases = self.client.list_aliases(FunctionName=name)["Aliases"]
            described = [(each["Version"], [layer["Arn"] for layer in each["Layers"]]) for each in versions]
            routed = [(each["Name"], each["FunctionVersion"], routed_beside(each)) for each in aliases]
            return self.configuration(name), described, routed
        except self.client.exceptions.ResourceNotFoundException:
            return None

    def layers_of(self, name: str, qualifier: str = "$LATEST") -> list[str]:
        return [layer["Arn"] for layer in self.configuration(name, qualifier)["Layers"]]

    def plan(
        self,
        *,
        waves: tuple[int, ...] = (),
        alias: str | None = None,
        shares: tuple[float, ...] = (1.0,),
        bake_s: int = 0,
        verification: Verification = PLAIN,
        failures_max: int = 0,
        on_failure: OnFailure = OnFailure.ALL,
    ) -> Plan:
        """From version 1 to 2, for all functions; *waves* are how many go in each of the first waves."""
        targets = tuple(self._target(name, alias, "event" if verification.events else None) for name in self.names)
        places = list(range(len(targets)))
        split: list[tuple[int, ...]] = []
        for size in waves:
            split.append(tuple(places[:size]))
            places = places[size:]
        layer = layer_version(self.versions[1])
        assert layer is not None
        return Plan(
            uuid.uuid4().hex[:8],
            time.time_ns() // 1_000_000,
            self.endpoint,
            (Move(str(layer.layer), (1,), 2),),
            Options(
                alias is not None,
                alias,
                shares if alias else (),
                bake_s,
                verification,
                failures_max,
                on_failure,
                concurrency=8,
            ),
            targets,
            (*split, tuple(places)),
        )

    def _target(self, name: str, alias: str | None, event: str | None) -> Target:
        place = Place("", REGION)
        seen = configurations.consumer(place, self.client.get_function_configuration(FunctionName=name))
        led = None if alias is None else configurations.alias(self.client.get_alias(FunctionName=name, Name=alias))
        return Target(
            place,
            seen.function,
            seen.runtime,
            seen.architectures,
            seen.description,
            seen.code_sha256,
            seen.revision_id,
            seen.members,
            seen.layers,
            tuple(self.layers(2)),
            led,
            event,
        )


def routed_beside(alias: Mapping[str, Any]) -> Mapping[str, float]:
    """What else an alias leads to; endpoints differ in what they tell when there is nothing."""
    weights: Mapping[str, float] = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return weights


class _Nobody:
    """Does not watch."""

    def stage(self, stage: Stage, progress: Progress) -> None: ...

    def record(self, record: Record, progress: Progress) -> None: ...


@dataclass
class RolloutCommands:
    """`lamina rollout …` with a state folder of its own."""

    state: Path

    @property
    def rollouts(self) -> Rollouts:
        return Rollouts(self.state / "lamina" / "rollouts" / "v1")

    def keep(self, plan: Plan) -> str:
        self.rollouts.add(plan)
        return plan.id

    def environ(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        none = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        return {**kept, **none, **keys, "XDG_STATE_HOME": str(self.state)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [LAMINA, "rollout", *arguments],
            env=self.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments) as process:
            output, errors = process.communicate(timeout=240)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def carry_out(self, command: str, id_: str) -> dict[str, Any]:
        """What the command would print as JSON, without what it takes to start one."""
        plan = self.rollouts.plan(id_)
        with self.rollouts.journal(id_) as journal:
            way = way_on(command, Progress.of(plan, journal.records))
            assert way is not None, "it is over"
            Carrier(plan, journal, _Nobody(), lambda: time.time_ns() // 1_000_000, os.environ).carry_out(command, way)
            return report(Progress.of(plan, journal.records)).document()

    def json(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """What it prints as JSON; it must exit with *code*."""
        done = self.run(*arguments, "--json")
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        told: dict[str, Any] = json.loads(done.stdout)
        return told
