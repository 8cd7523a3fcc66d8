"""Serverless in its open-source continuation, unmodified: `layers:` and a function that refers to one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import tools
from tests.support.functions import client_of, unique
from tests.support.runtimes import NEWEST
from tests.support.server import Server

SERVICE = """
service: NAME
provider:
  name: aws
  runtime: RUNTIME
  region: us-east-1
layers:
  own: {path: layer, name: NAME}
functions:
  uses:
    handler: index.handler
    layers: [{Ref: OwnLambdaLayer}]
"""


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.timeout(300)
def test_serverless_deploys_a_layer_with_a_function_and_removes_them(shared_server: Server, tmp_path: Path) -> None:
    client, name = client_of(shared_server), unique("sls")
    files = {
        "serverless.yml": SERVICE.replace("NAME", name).replace("RUNTIME", NEWEST),
        "layer/python/own.py": "VALUE = 7\n",
        "index.py": "import own\ndef handler(event, context): return own.VALUE\n",
    }
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)

    tools.serverless(shared_server, tmp_path, "deploy")
    assert json.loads(client.invoke(FunctionName=f"{name}-dev-uses")["Payload"].read()) == 7
    tools.serverless(shared_server, tmp_path, "remove")
    assert not [each for each in client.list_functions()["Functions"] if each["FunctionName"].startswith(name)]
