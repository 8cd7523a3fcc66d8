"""The example of a workflow, step by step: what its shell would run, at a server of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from tests.support import zips
from tests.support.functions import unique
from tests.support.runtimes import NEWEST
from tests.support.server import ROLE, Server

pytestmark = pytest.mark.anybody

WORKFLOW = Path(__file__).parents[3] / "examples" / "github-actions" / "layers.yml"
REGION = "eu-west-3"


class Repository:
    """A clone with a layer in it, and *functions* that follow its channel stable, each at version 1."""

    def __init__(self, server: Server, folder: Path, source: bytes, functions: int) -> None:
        self.folder, self.server = folder / "clone", server
        self.client = server.client(region=REGION)
        self.layer = unique("shared")
        self.workflow = yaml.safe_load(WORKFLOW.read_text())
        origin = folder / "origin.git"
        self.git("init", "-q", "--bare", str(origin), at=folder)
        self.git("clone", "-q", str(origin), str(self.folder), at=folder)
        (self.folder / "layer" / "python").mkdir(parents=True)
        (self.folder / "lamina.toml").write_text(f'[layers.{self.layer}]\nfrom = "layer"\n')
        (self.folder / "event.json").write_text("{}")
        self.arn = self.publish("number = 1\n").removesuffix(":1")
        (self.folder / "lamina-channels.toml").write_text(
            f'format = 1\n[{REGION}.{self.layer}]\nstable = "{self.arn}:1"\n'
        )
        self.functions = [unique() for _ in range(functions)]
        for name in self.functions:
            self.client.create_function(
                FunctionName=name,
                Runtime=NEWEST,
                Role=ROLE,
                Handler="app.handler",
                Code={"ZipFile": zips.of({"app.py": source})},
                Layers=[f"{self.arn}:1"],
                Tags={f"lamina:channel:{self.layer}": "stable"},
            )

    def publish(self, source: str) -> str:
        """The ARN of a version that somebody else has published."""
        content = {"ZipFile": zips.of({"python/shared_number.py": source.encode()})}
        arn: str = self.client.publish_layer_version(LayerName=self.layer, Content=content)["LayerVersionArn"]
        return arn

    def run(self, job: str, step: str, variables: Mapping[str, str] = MappingProxyType({}), code: int = 0) -> str:
        """What the step *step* of *job* prints, as the shell of Actions runs it."""
        (found,) = (each for each in self.workflow["jobs"][job]["steps"] if each.get("name") == step)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "XDG_"))}
        own: dict[str, str] = {
            **self.workflow["env"],
            "LAYER": self.layer,
            "ENDPOINT": self.server.endpoint,
            "AWS_REGION": REGION,
            "HOME": str(self.folder.parent),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_STEP_SUMMARY": str(self.folder.parent / "summary.md"),
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", found["run"]],
            cwd=self.folder,
            env={**kept, **own, **variables},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def versions(self) -> set[str]:
        """Where the functions are."""
        told: list[dict[str, Any]] = [
            self.client.get_function_configuration(FunctionName=name) for name in self.functions
        ]
        return {each["Layers"][0]["Arn"].rpartition(":")[2] for each in told}

    def git(self, *arguments: str, at: Path) -> str:
        return subprocess.run(["git", *arguments], cwd=at, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_version_is_published_promoted_and_committed_and_a_bad_one_is_not(
    shared_server: Server, tmp_path: Path
) -> None:
    source = b"import shared_number\ndef handler(event, context):\n    return shared_number.number\n"
    clone = Repository(shared_server, tmp_path, source, functions=3)
    (clone.folder / "layer" / "python" / "shared_number.py").write_text("number = 2\n")
    assert ":2 is published" in clone.run("publish", "publish")
    stable = {"CHANNEL": "stable", "VERSION": "2"}
    for step in ("plan", "apply", "commit"):
        clone.run("promote", step, stable)
    assert clone.versions() == {"2"}
    # Seen by whoever clones it next.
    assert f'stable = "{clone.arn}:2"\n' in clone.git("show", "HEAD:lamina-channels.toml", at=tmp_path / "origin.git")
    # A version that breaks whoever imports it: what has moved goes back, and the next step is not reached.
    clone.publish("raise ImportError('not today')\n")
    broken = {"CHANNEL": "stable", "VERSION": "3"}
    clone.run("promote", "plan", broken)
    clone.run("promote", "apply", broken, code=11)
    assert clone.versions() == {"2"}
    # The channel of the clone was never committed; whoever looks there is told.
    clone.run("drift", "report", code=8)
    assert "| 2 | 3 (stable) |" in (tmp_path / "summary.md").read_text()
