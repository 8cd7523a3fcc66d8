"""`lamina deploy` and `lamina delete` as a person types them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import stacks
from tests.support.command_line import Run
from tests.support.functions import unique
from tests.support.runtimes import NEWEST
from tests.support.server import Server

pytestmark = pytest.mark.anybody

SAM = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Greeting: {Type: String, Default: hello}}
Globals: {Function: {Runtime: %(runtime)s, Handler: app.handler}}
Resources:
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {LayerName: %(name)s, ContentUri: layer, RetentionPolicy: Delete}
  App:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      AutoPublishAlias: live
      Layers: [!Ref Shared]
      Environment: {Variables: {GREETING: !Ref Greeting}}
Outputs: {App: {Value: !Ref App}}
"""
CODE = 'import os, shared\ndef handler(event, context): return os.environ["GREETING"] + " " + shared.NAME\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server.started(tmp_path_factory.mktemp("deploy") / "state") as started:
        yield started


@pytest.fixture
def lamina(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_a_template_is_deployed_shown_changed_and_deleted(server: Server, lamina: Run) -> None:
    name = unique("app")
    (lamina.folder / "layer" / "python").mkdir(parents=True)
    (lamina.folder / "code").mkdir()
    lamina.write("code/app.py", CODE.encode())
    lamina.write("layer/python/shared.py", b"NAME = 'one'\n")
    lamina.write("template.yaml", (SAM % {"runtime": NEWEST, "name": name}).encode())

    first = lamina("deploy", "--stack", name, "-p", "Greeting=hi", "--yes", server=server)
    assert first.returncode == 0, first.stderr
    function = stacks.outputs(server, name)["App"]
    assert first.stdout == f"App = {function}\n"
    assert "App create complete" in first.stderr

    def says() -> object:
        return json.loads(server.client().invoke(FunctionName=function, Qualifier="live")["Payload"].read())

    assert says() == "hi one"
    # A layer alone changes, which SAM's own AutoPublishAlias does not go by.
    lamina.write("layer/python/shared.py", b"NAME = 'two'\n")
    changed = lamina("deploy", "--stack", name, "--yes", "--publish-on-layer-change", "--json", server=server)
    assert changed.returncode == 0, changed.stderr
    told = json.loads(changed.stdout)
    assert (told["status"], told["outputs"]) == ("UPDATE_COMPLETE", {"App": function})
    assert {"AWS::Lambda::LayerVersion", "AWS::Lambda::Version"} <= {change["type"] for change in told["changes"]}
    assert says() == "hi two"

    gone = lamina("delete", name, "--yes", server=server)
    assert gone.returncode == 0, gone.stderr
    assert "App delete complete" in gone.stderr
    assert server.client().list_layer_versions(LayerName=name)["LayerVersions"] == []
    assert lamina("delete", name, "--yes", server=server).returncode == 1


def test_nothing_is_done_before_somebody_agrees(server: Server, lamina: Run) -> None:
    name = unique("group")
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"/{name}"}}
    lamina.write("group.json", json.dumps({"Resources": {"Group": group}}).encode())
    asked = lamina("deploy", "group.json", "--stack", name, server=server)
    assert (asked.returncode, asked.stdout) == (2, "")
    assert "nobody is there to be asked" in asked.stderr
    assert f"{name} (new)" in asked.stderr
    assert "+ Group  AWS::Logs::LogGroup" in asked.stderr
    shown = lamina("deploy", "group.json", "--stack", name, "--dry-run", "--json", server=server)
    assert [change["action"] for change in json.loads(shown.stdout)["changes"]] == ["Add"]
    groups = server.client("logs").describe_log_groups(logGroupNamePrefix=f"/{name}")
    assert groups["logGroups"] == []
    assert lamina("deploy", "group.json", "--stack", name, "--yes", server=server).returncode == 0
    same = lamina("deploy", "group.json", "--stack", name, "--yes", server=server)
    assert (same.returncode, same.stderr) == (0, f"{name} is up to date\n")


def test_a_template_too_large_to_be_sent_goes_by_the_bucket(server: Server, lamina: Run) -> None:
    name = unique("large")
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "v"}}
    template = {"Resources": {"P": parameter}, "Metadata": {"Long": "x" * 60_000}}
    lamina.write("large.json", json.dumps(template).encode())
    done = lamina("deploy", "large.json", "--stack", name, "--yes", server=server)
    assert done.returncode == 0, done.stderr
    assert stacks.described(server, name)["StackStatus"] == "CREATE_COMPLETE"


def test_a_deployment_that_fails_says_what_failed_and_leaves_nothing(server: Server, lamina: Run) -> None:
    name = unique("bad")
    template = {
        "Resources": {"Alias": {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": "no", "Name": "x"}}}
    }
    lamina.write("bad.json", json.dumps(template).encode())
    failed = lamina("deploy", "bad.json", "--stack", name, "--yes", server=server)
    assert failed.returncode == 1
    assert f"Error: {name} is in ROLLBACK_COMPLETE: Alias: " in failed.stderr
    again = lamina("deploy", "bad.json", "--stack", name, "--yes", server=server)
    assert f"Delete it first: lamina delete {name}" in again.stderr
    assert lamina("delete", name, "--yes", "--json", server=server).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["missing.yaml"], "missing.yaml cannot be read"),
        (["broken.yaml", "--stack", "s"], "broken.yaml: Template format error"),
        (["lost.yaml", "--stack", "s"], "there is no"),
        (["fine.yaml", "--stack", "s", "-p", "x"], "it is NAME=VALUE"),
        (["fine.yaml", "--stack", "s", "-p", "X=1"], "the template has no parameter X"),
    ],
)
def test_what_cannot_be_deployed_is_told(server: Server, lamina: Run, arguments: list[str], told: str) -> None:
    lamina.write("broken.yaml", b"a: [")
    lamina.write("lost.yaml", b"Resources: {L: {Type: 'AWS::Lambda::LayerVersion', Properties: {Content: nowhere}}}")
    lamina.write("fine.yaml", b"Resources: {P: {Type: 'AWS::SSM::Parameter', Properties: {Type: String, Value: v}}}")
    done = lamina("deploy", *arguments, "--yes", server=server)
    assert done.returncode != 0
    assert told in done.stderr
