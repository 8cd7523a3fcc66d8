"""The AWS SDK for JavaScript, version 3: its commands, waiters, paginators and errors, against a running server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import zips
from tests.support.functions import unique
from tests.support.runtimes import NEWEST
from tests.support.server import ACCOUNT, REGION, Server

HERE = Path(__file__).parent / "javascript"
CODE = b"import own, shared\ndef handler(event, context): return [event['asked'], own.VALUE, shared.VALUE]\n"
ARCHIVES = {
    "code": {"index.py": CODE},
    "one": {"python/own.py": b"VALUE = 1\n"},
    "two": {"python/own.py": b"VALUE = 2\n"},
    "shared": {"python/shared.py": b"VALUE = 'shared'\n"},
}


@pytest.fixture(scope="session")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scenario, and the SDK installed beside it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("sdk")
    for name in ("package.json", "scenario.mjs"):
        shutil.copy(HERE / name, folder / name)
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--prefer-offline"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    if done.returncode != 0:
        pytest.skip(f"the SDK cannot be installed: {done.stderr[-300:]}")
    return folder


@pytest.mark.slow
def test_javascript_drives_a_function_with_two_layers_through_its_life(
    shared_server: Server, sdk: Path, tmp_path: Path
) -> None:
    for file, files in ARCHIVES.items():
        (tmp_path / f"{file}.zip").write_bytes(zips.of(files))
    name = unique("js")
    environ = {
        **os.environ,
        "AWS_ENDPOINT_URL": shared_server.endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    done = subprocess.run(
        ["node", "scenario.mjs", str(tmp_path), name, NEWEST],
        cwd=sdk,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    layer = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{name}"
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    asked = "by JavaScript"
    assert seen == {
        "created": ["Pending", "Creating", [f"{layer}-own:1", f"{layer}-shared:1"]],
        "first": [200, "$LATEST", [asked, 1, "shared"]],
        "policy": [["s3", f"{function}:live"]],
        "updating": ["InProgress", [f"{layer}-own:2", f"{layer}-shared:1"]],
        "latest": [200, "$LATEST", [asked, 2, "shared"]],
        "live": [200, "1", [asked, 1, "shared"]],
        "moved": [200, "2", [asked, 2, "shared"]],
        "alias": {"AdditionalVersionWeights": {"1": 0}},
        "pages": [["$LATEST"], ["1"], ["2"], [2], [1]],
        "tags": {"made": "here"},
        "refusals": [
            [*["ResourceNotFoundException"] * 2, f"Function not found: {function}-missing", 404],
            [*["ResourceConflictException"] * 2, f"Alias already exists: {function}:live", 409],
            [
                *["PreconditionFailedException"] * 2,
                "The Revision Id provided does not match the latest Revision Id. "
                "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
                412,
            ],
            seen["refusals"][3],
        ],
        "deleted": 204,
    }
    assert seen["refusals"][3][1:] == [
        "ValidationException",
        seen["refusals"][3][2],
        400,
    ]
    assert seen["refusals"][3][2].startswith("1 validation error detected: Value '*' at 'functionName' failed")
