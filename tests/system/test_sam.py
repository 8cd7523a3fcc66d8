"""AWS's SAM CLI, unmodified: a layer and two functions, from the first deployment to what a policy keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import tools
from tests.support.functions import client_of, unique
from tests.support.runtimes import NEWEST
from tests.support.server import Server

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Name: {Type: String}
Globals:
  Function:
    Runtime: RUNTIME
    Handler: index.handler
    Layers: [!Ref Own]
Resources:
  Own:
    Type: AWS::Serverless::LayerVersion
    Properties:
      LayerName: !Ref Name
      ContentUri: layer
      CompatibleRuntimes: [RUNTIME]
  First:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: first, FunctionName: !Sub "${Name}-first"}
  Second:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: second, FunctionName: !Sub "${Name}-second"}
Outputs:
  Layer: {Value: !Ref Own}
"""
CODE = "import own\ndef handler(event, context): return own.VALUE\n"


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.timeout(300)
def test_sam_builds_deploys_changes_a_layer_and_deletes(shared_server: Server, tmp_path: Path) -> None:
    client, name = client_of(shared_server), unique("sam")
    functions = [f"{name}-first", f"{name}-second"]
    for file, text in (("layer/python/own.py", "VALUE = 1\n"), ("first/index.py", CODE), ("second/index.py", CODE)):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    (tmp_path / "template.yaml").write_text(TEMPLATE.replace("RUNTIME", NEWEST))

    def deploy() -> list[object]:
        tools.sam(shared_server, tmp_path, "build")
        given = ("--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--parameter-overrides", f"Name={name}")
        said = tools.sam(shared_server, tmp_path, "deploy", "--stack-name", name, "--no-confirm-changeset", *given)
        assert "Successfully created/updated stack" in said
        return [json.loads(client.invoke(FunctionName=each)["Payload"].read()) for each in functions]

    assert deploy() == [1, 1]
    (tmp_path / "layer/python/own.py").write_text("VALUE = 2\n")
    assert deploy() == [2, 2]

    tools.sam(shared_server, tmp_path, "delete", "--stack-name", name, "--no-prompts")
    assert not [each for each in client.list_functions()["Functions"] if each["FunctionName"] in functions]
    roles = shared_server.client("iam").list_roles()["Roles"]
    assert not [each for each in roles if each["RoleName"].startswith(name)]
    # SAM gives layers the policy to be retained, of which both versions are left.
    kept = client.list_layer_versions(LayerName=name)["LayerVersions"]
    assert [each["Version"] for each in kept] == [2, 1]
