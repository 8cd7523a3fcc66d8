"""What preloaded layers leave behind of functions and layers that came and went: little, however many."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lamina.environments.preloading import Source
from lamina.environments.spec import EnvironmentSpec
from lamina.functions.versions import SETTLED, Configuration, FunctionVersion
from lamina.layers.versions import StoredArchive
from lamina.names import Digest, FunctionArn, Scope
from lamina.worker.preloads import _FRUITLESS_MAX, _JUDGED_MAX, Preload, Preloads

from .sandboxes import FakeScratch, machine

pytestmark = pytest.mark.anybody

HERE = Scope("123456789012", "eu-west-1")
MANY = 700


@dataclass
class FakeMaker:
    """Counts what is held."""

    held: int = 0

    async def hold(self, _spec: EnvironmentSpec) -> None:
        self.held += 1

    async def give_back(self, _spec: EnvironmentSpec) -> None:
        self.held -= 1


def spec(number: int) -> EnvironmentSpec:
    """Of a function whose code, and whose layer, are the *number*th there was."""
    configuration = Configuration("python3.12", "app.handler", "role")
    code = StoredArchive(Digest.of(b"%d" % number), 0, 0)
    made = EnvironmentSpec.of(FunctionVersion(FunctionArn(HERE, "f"), "1", configuration, code, SETTLED, "r", "now"))
    return replace(made, layers=(Digest.of(b"layer %d" % number),))


def test_layers_that_bring_nothing_are_forgotten_when_there_are_many() -> None:
    async def work() -> None:
        maker: Any = FakeMaker()
        preloads = Preloads(("numpy",), Path("/nowhere"), maker, machine(FakeScratch(), None), lambda: "name", set())
        for number in range(MANY):
            assert await preloads.take(spec(number)) is None
            await asyncio.wait(preloads._made.values())
            assert len(preloads._made) <= _FRUITLESS_MAX
        assert maker.held == 0
        await preloads.close()

    asyncio.run(work())


def test_functions_that_must_not_begin_from_a_template_are_forgotten_when_there_are_many() -> None:
    async def work() -> None:
        maker: Any = FakeMaker()
        report = {"names": ["part"], "read": []}
        environment: Any = SimpleNamespace(report=report, variables={}, prepared=SimpleNamespace(uid=70_000))
        source = Source.of(spec(0))
        assert source is not None
        zygote: Any = None
        preload = Preload(source, environment, zygote, maker, machine(FakeScratch(), None), lambda: "name")
        listed = 0

        def files() -> list[str]:
            nonlocal listed
            listed += 1
            return ["part.py"]

        for number in range(MANY):
            for _ in range(2):
                assert await preload.take(spec(number), files) is None
            assert listed == number + 1, "each is looked at once while it is asked for"
            assert len(preload._hindrances) <= _JUDGED_MAX
        assert maker.held == 0

    asyncio.run(work())
