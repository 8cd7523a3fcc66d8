"""The real `aws` command, as a person types it."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.support import zips
from tests.support.functions import unique
from tests.support.runtimes import NEWEST
from tests.support.server import ROLE, Server

pytestmark = pytest.mark.anybody

# The first version of the command exits with 255 for an error of the service, the second with 254.
FAILED = (254, 255)
HANDLER = b"import os\ndef handler(event, context):\n    return {'opt': sorted(os.listdir('/opt')), 'event': event}\n"


def _zip(path: Path, files: dict[str, bytes]) -> str:
    path.write_bytes(zips.of(files))
    return f"fileb://{path}"


def _publish(server: Server, folder: Path, name: str, file: str) -> str:
    content = _zip(folder / f"{name}.zip", {file: file.encode()})
    arguments = ("--layer-name", name, "--zip-file", content, "--compatible-runtimes", NEWEST, "python3.8")
    published = server.aws_json("publish-layer-version", *arguments, "--description", f"holds {file}")
    assert published["CompatibleRuntimes"] == [NEWEST, "python3.8"]
    assert published["Description"] == f"holds {file}"
    arn: str = published["LayerVersionArn"]
    assert arn == f"{published['LayerArn']}:{published['Version']}"
    return arn


def _create(server: Server, folder: Path, name: str, *more: str) -> str:
    code = _zip(folder / f"{name}.zip", {"index.py": HANDLER})
    basics = ("--function-name", name, "--runtime", NEWEST, "--handler", "index.handler", "--role", ROLE)
    arn: str = server.aws_json("create-function", *basics, "--zip-file", code, *more)["FunctionArn"]
    return arn


def test_a_function_with_five_layers_from_publishing_to_deleting(shared_server: Server, tmp_path: Path) -> None:
    server = shared_server
    name = unique()
    arns = [_publish(server, tmp_path, unique(letter), letter) for letter in "abcde"]
    _create(server, tmp_path, name)
    assert server.aws("wait", "function-active-v2", "--function-name", name).returncode == 0

    changed = server.aws_json("update-function-configuration", "--function-name", name, "--layers", *arns)
    assert [layer["Arn"] for layer in changed["Layers"]] == arns
    assert server.aws("wait", "function-updated-v2", "--function-name", name).returncode == 0

    out = tmp_path / "out.json"
    payload = ("--payload", '{"a": "b"}', "--log-type", "Tail")
    invoked = server.aws("invoke", "--function-name", name, *payload, "--output", "json", str(out))
    assert invoked.returncode == 0, invoked.stderr
    told = json.loads(invoked.stdout)
    assert told["StatusCode"] == 200
    assert told["ExecutedVersion"] == "$LATEST"
    assert base64.b64decode(told["LogResult"]).startswith(b"START RequestId: ")
    assert json.loads(out.read_text()) == {"opt": list("abcde"), "event": {"a": "b"}}

    listed = server.aws_json("list-functions", "--query", "Functions[*].FunctionName")
    assert name in listed
    query = ("--query", "Layers[*].Arn")
    assert server.aws_json("get-function-configuration", "--function-name", name, *query) == arns

    layer, number = arns[0].rsplit(":", 2)[1:]
    which = ("--layer-name", layer, "--version-number", number)
    assert server.aws_json("get-layer-version", *which)["LayerVersionArn"] == arns[0]
    assert server.aws_json("delete-layer-version", *which) is None
    gone = server.aws("get-layer-version", *which)
    assert gone.returncode in FAILED
    assert "(ResourceNotFoundException)" in gone.stderr
    assert "The resource you requested does not exist." in gone.stderr


def test_a_sixth_layer_is_refused_in_the_words_of_aws(shared_server: Server, tmp_path: Path) -> None:
    server = shared_server
    name = unique()
    arns = [_publish(server, tmp_path, unique(letter), letter) for letter in "ab"]
    _create(server, tmp_path, name, "--layers", *arns)
    six = [arns[0].replace(":1", f"-{index}:1") for index in range(6)]
    refused = server.aws("update-function-configuration", "--function-name", name, "--layers", *six)
    assert refused.returncode in FAILED
    assert (
        "An error occurred (InvalidParameterValueException) when calling the UpdateFunctionConfiguration operation: "
        "Cannot reference more than 5 layers." in refused.stderr
    )
    query = ("--query", "Layers[*].Arn")
    assert server.aws_json("get-function-configuration", "--function-name", name, *query) == arns


def test_a_function_that_fails_is_no_failure_of_the_command(shared_server: Server, tmp_path: Path) -> None:
    name, out = unique(), tmp_path / "out.json"
    _create(shared_server, tmp_path, name, "--handler", "index.missing")
    told = shared_server.aws_json("invoke", "--function-name", name, str(out))
    assert told["FunctionError"] == "Unhandled"
    assert json.loads(out.read_text())["errorType"] == "Runtime.HandlerNotFound"


def test_event_and_dry_run(shared_server: Server, tmp_path: Path) -> None:
    name, out = unique(), tmp_path / "out.json"
    _create(shared_server, tmp_path, name)
    for kind, status in (("Event", 202), ("DryRun", 204)):
        told = shared_server.aws_json("invoke", "--function-name", name, "--invocation-type", kind, str(out))
        assert told == {"StatusCode": status}
        assert out.read_bytes() == b""


def test_layers_are_taken_off_with_an_empty_list(shared_server: Server, tmp_path: Path) -> None:
    name = unique()
    _create(shared_server, tmp_path, name, "--layers", _publish(shared_server, tmp_path, unique("a"), "a"))
    changed = shared_server.aws_json("update-function-configuration", "--function-name", name, "--layers", "[]")
    assert "Layers" not in changed
