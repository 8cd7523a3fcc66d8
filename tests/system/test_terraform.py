"""Terraform with the AWS provider: everything of the example, from the first apply to nothing left."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.support import zips
from tests.support.functions import client_of, unique
from tests.support.runtimes import NEWEST
from tests.support.server import Server
from tests.support.terraform import Terraform

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE = EXAMPLES / "terraform" / "main.tf"
CODE = b"import own, shared\ndef handler(event, context): return [own.VALUE, shared.VALUE, own.__file__]\n"


def _archive(folder: Path, name: str, files: dict[str, bytes]) -> str:
    path = folder / f"{name}.zip"
    path.write_bytes(zips.of(files))
    return str(path)


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.timeout(300)
def test_terraform_applies_changes_and_destroys_a_function_with_two_layers(
    shared_server: Server, tmp_path: Path
) -> None:
    client, name = client_of(shared_server), unique("tf")
    terraform = Terraform.here(tmp_path, EXAMPLE, shared_server.endpoint)
    terraform.variables.update(
        name=name,
        runtime=NEWEST,
        layer_zip=_archive(tmp_path, "own", {"python/own.py": b"VALUE = 1\n"}),
        shared_zip=_archive(tmp_path, "shared", {"python/shared.py": b"VALUE = 'shared'\n"}),
        code_zip=_archive(tmp_path, "code", {"index.py": CODE}),
    )
    assert "14 added, 0 changed, 0 destroyed" in terraform.apply()
    terraform.assert_no_changes()
    assert terraform.output("version") == "1"
    answer = client.invoke(FunctionName=name, Qualifier="live")
    assert json.loads(answer["Payload"].read()) == [1, "shared", "/opt/python/own.py"]

    # A layer version is immutable: another archive is another version, which the function moves to.
    _archive(tmp_path, "own", {"python/own.py": b"VALUE = 2\n"})
    said = terraform.apply()
    assert "1 added, 2 changed, 1 destroyed" in said or "1 added, 3 changed, 1 destroyed" in said
    terraform.assert_no_changes()
    assert terraform.output("version") == "2"
    with build_opener(ProxyHandler({})).open(terraform.output("url"), timeout=60) as page:
        assert json.loads(page.read())[0] == 2
    attached = client.get_function_configuration(FunctionName=name, Qualifier="live")["Layers"]
    assert [layer["Arn"].rpartition(":")[2] for layer in attached] == ["2", "1"]

    terraform.destroy()
    names = [layer["LayerName"] for layer in client.list_layers()["Layers"]]
    assert not [layer for layer in names if layer.startswith(name)]
    assert not [each for each in client.list_functions()["Functions"] if each["FunctionName"] == name]
    assert client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"] == []


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.timeout(300)
def test_terraform_deploys_from_s3_by_modules_and_mends_what_others_changed(
    shared_server: Server, tmp_path: Path
) -> None:
    client, name = client_of(shared_server), unique("tfs3")
    code = b"import one\ndef handler(event, context): return one.VALUE\n"
    archive = _archive(tmp_path, "code", {"index.py": code})
    layers = {each: _archive(tmp_path, each, {f"python/{each}.py": b"VALUE = 1\n"}) for each in ("one", "two")}
    functions = {"first": ["one", "two"], "second": ["one"]}
    variables = {
        "name": name,
        "runtime": NEWEST,
        "layers": layers,
        "functions": {each: {"archive": archive, "layers": named} for each, named in functions.items()},
    }
    (tmp_path / "mine.auto.tfvars.json").write_text(json.dumps(variables))
    terraform = Terraform.here(tmp_path, EXAMPLES / "terraform-s3", shared_server.endpoint)
    assert "15 added, 0 changed, 0 destroyed" in terraform.apply()
    assert json.loads(client.invoke(FunctionName=f"{name}-first")["Payload"].read()) == 1

    client.update_function_configuration(FunctionName=f"{name}-second", MemorySize=512)
    _archive(tmp_path, "one", {"python/one.py": b"VALUE = 2\n"})
    said = terraform.apply()
    assert "512 -> 128" in said
    # The object and both functions change, the layer version and its permission are others.
    assert "2 added, 3 changed, 2 destroyed" in said
    assert client.get_function_configuration(FunctionName=f"{name}-second")["MemorySize"] == 128
    answers = [client.invoke(FunctionName=f"{name}-{each}")["Payload"].read() for each in functions]
    assert [json.loads(each) for each in answers] == [2, 2]

    terraform.destroy()
    assert not [each for each in client.list_functions()["Functions"] if each["FunctionName"].startswith(name)]
    assert not [each for each in client.list_layers()["Layers"] if each["LayerName"].startswith(name)]
    left = shared_server.client("s3").list_buckets()["Buckets"]
    assert f"{name}-archives" not in [each["Name"] for each in left]
