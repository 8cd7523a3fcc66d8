"""AWS's CDK, unmodified: an app with a layer from a folder and a function that uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import tools
from tests.support.functions import client_of, unique
from tests.support.runtimes import NEWEST
from tests.support.server import ACCOUNT, REGION, Server

APP = """
const { App, Stack } = require('aws-cdk-lib');
const lambda = require('aws-cdk-lib/aws-lambda');
const name = process.env.HOME.split('/').pop();
const stack = new Stack(new App(), name);
const layer = new lambda.LayerVersion(stack, 'Own', { layerVersionName: name, code: lambda.Code.fromAsset('layer') });
const runtime = new lambda.Runtime('RUNTIME', lambda.RuntimeFamily.PYTHON);
const code = lambda.Code.fromAsset('code');
new lambda.Function(stack, 'Uses', { functionName: name, runtime, handler: 'index.handler', code, layers: [layer] });
"""


@pytest.mark.slow
@pytest.mark.tools
@pytest.mark.timeout(300)
def test_cdk_bootstraps_deploys_finds_no_difference_and_destroys(shared_server: Server, tmp_path: Path) -> None:
    client, name = client_of(shared_server), unique("cdk")
    folder = tmp_path / name
    files = {
        "app.js": APP.replace("RUNTIME", NEWEST),
        "cdk.json": json.dumps({"app": "node app.js"}),
        "layer/python/own.py": "VALUE = 7\n",
        "code/index.py": "import own\ndef handler(event, context): return own.VALUE\n",
    }
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)

    tools.cdk(shared_server, folder, "bootstrap", f"aws://{ACCOUNT}/{REGION}")
    tools.cdk(shared_server, folder, "deploy", "--require-approval", "never")
    assert json.loads(client.invoke(FunctionName=name)["Payload"].read()) == 7
    # What it was deployed from, without another synthesis.
    assert "Number of stacks with differences: 0" in tools.cdk(
        shared_server, folder, "diff", "--app", "cdk.out", "--fail"
    )
    tools.cdk(shared_server, folder, "destroy", "--app", "cdk.out", "--force")
    assert not [each for each in client.list_functions()["Functions"] if each["FunctionName"] == name]
    assert not [each for each in client.list_layers()["Layers"] if each["LayerName"] == name]
