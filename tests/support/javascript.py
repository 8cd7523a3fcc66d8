"""The AWS SDK for JavaScript, installed once into .cache, and programs that use it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

_FOLDER = Path(__file__).parents[2] / ".cache" / "javascript-sdk"
_PACKAGE = "@aws-sdk/client-lambda"
_VERSION = "^3.900.0"


def sdk() -> Path:
    """The folder in which a program finds the SDK. Skips where Node.js is not on this machine."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not on this machine; they come with Node.js")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    # Two runs at once install it once.
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (_FOLDER / "node_modules" / _PACKAGE / "package.json").is_file():
            _install()
    return _FOLDER


def run(program: str, endpoint: str, given: object) -> Any:
    """What *program* printed as JSON; it is an ES module, and finds *given* as JSON in the variable GIVEN."""
    path = sdk() / f"program-{os.getpid()}.mjs"
    path.write_text(program)
    try:
        done = subprocess.run(
            ["node", str(path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            env={
                **os.environ,
                "GIVEN": json.dumps(given),
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "NO_PROXY": "127.0.0.1",
            },
        )
    finally:
        path.unlink()
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _install() -> None:
    (_FOLDER / "package.json").write_text(json.dumps({"private": True, "dependencies": {_PACKAGE: _VERSION}}))
    command = ("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts")
    done = subprocess.run(command, cwd=_FOLDER, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
