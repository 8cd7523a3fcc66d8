"""`lamina channel`, `subscribe` and `unsubscribe` as a person types them, at a server that is not ours."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support import zips
from tests.support.command_line import LAMINA
from tests.support.foreign import moto

pytestmark = pytest.mark.anybody


class Foreign:
    """Moto's server with the layer `shared`, versions 1 to 3, and the functions `f` and `g` that have version 1."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder = address, folder
        keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        self._session = boto3.session.Session(**keys)
        self.functions, self.parameters = self._client("lambda"), self._client("ssm")
        roles = self._client("iam")
        roles.create_role(RoleName="r", AssumeRolePolicyDocument="{}")
        for _ in range(3):
            self.functions.publish_layer_version(LayerName="shared", Content={"ZipFile": zips.of({"python/m.py": b""})})
        for name in ("f", "g"):
            self.functions.create_function(
                FunctionName=name,
                Runtime="python3.12",
                Role=f"arn:aws:iam::{self.account}:role/r",
                Handler="app.handler",
                Code={"ZipFile": zips.of({"app.py": b""})},
                Layers=[self.version(1)],
            )
        roles.close()

    @property
    def account(self) -> str:
        return "123456789012"

    def version(self, number: int) -> str:
        return f"arn:aws:lambda:us-east-1:{self.account}:layer:shared:{number}"

    def _client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self.address)

    def close(self) -> None:
        self.functions.close()
        self.parameters.close()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        own["XDG_STATE_HOME"] = str(self.folder / "state")
        return subprocess.run(
            [LAMINA, *arguments, "--endpoint", self.address, "--region", "us-east-1"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=self.folder,
            env={**os.environ, **own},
        )

    def said(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def tags(self) -> dict[str, str]:
        arn = f"arn:aws:lambda:us-east-1:{self.account}:function:f"
        found: dict[str, str] = self.functions.list_tags(Resource=arn)["Tags"]
        return found


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Foreign]:
    with moto() as address:
        found = Foreign(address, tmp_path)
        yield found
        found.close()


def test_channels_are_kept_in_ssm_and_functions_follow_them_by_their_tags(foreign: Foreign) -> None:
    assert foreign.said("channel", "set", "shared", "stable=1", "next=3") == (
        "shared@stable is at version 1, in SSM of us-east-1\nshared@next is at version 3, in SSM of us-east-1\n"
    )
    kept = foreign.parameters.get_parameter(Name="/lamina/channels/shared/next")["Parameter"]
    assert (kept["Value"], kept["Type"]) == (foreign.version(3), "String")
    moved = foreign.said("channel", "set", "shared", "stable=2")
    assert moved == (
        "shared@stable goes from version 1 to 2, in SSM of us-east-1\n"
        "  `lamina rollout plan shared@stable` prepares the roll-out to those who follow it\n"
    )
    # Nobody's layers change by that.
    (layer,) = foreign.functions.get_function_configuration(FunctionName="f")["Layers"]
    assert layer["Arn"] == foreign.version(1)
    assert foreign.said("subscribe", "f", "shared@next") == (
        "f follows shared@next, which is at version 3; it is at 1: `lamina rollout plan shared@next`\n"
    )
    assert foreign.tags() == {"lamina:channel:shared": "next"}
    # What does: a roll-out to those who follow.
    plan = json.loads(foreign.said("rollout", "plan", "shared@next", "--check", "none", "--json"))
    assert [(target["function"].rpartition(":")[2], target["layers_after"]) for target in plan["targets"]] == [
        ("f", [foreign.version(3)])
    ]
    assert [left["why"] for left in plan["left_out"]] == ["it has no tag lamina:channel:shared=next"]
    listed = json.loads(foreign.said("channel", "list", "shared", "--json"))
    assert [(each["name"], each["version"], each["layer_version"]) for each in listed["channels"]] == [
        ("next", 3, foreign.version(3)),
        ("stable", 2, foreign.version(2)),
    ]
    assert foreign.said("unsubscribe", "f", "shared") == "f follows shared@next no more\n"
    assert foreign.tags() == {}
    foreign.said("channel", "delete", "shared", "next", "stable")
    assert foreign.parameters.describe_parameters()["Parameters"] == []


def test_a_file_of_the_project_comes_before_ssm_and_what_makes_no_sense_is_refused(foreign: Foreign) -> None:
    file = foreign.folder / "lamina-channels.toml"
    foreign.said("channel", "set", "shared", "stable=2", "--channels", file.name)
    assert f'stable = "{foreign.version(2)}"\n' in file.read_text()
    before = file.read_bytes()
    assert "there is no version 9 of shared" in foreign.refused("channel", "set", "shared", "stable=1", "next=9")
    assert file.read_bytes() == before
    unknown = foreign.refused("subscribe", "f", "shared@nxt")
    assert "shared has no channel nxt in lamina-channels.toml" in unknown
    assert "There are stable." in unknown
    assert json.loads(foreign.said("rollout", "plan", "shared@stable", "--json"))["targets"] == []
    foreign.functions.update_function_configuration(FunctionName="f", Layers=[])
    assert "f has no version of shared attached" in foreign.refused("subscribe", "f", "shared@stable")
    assert foreign.tags() == {}
