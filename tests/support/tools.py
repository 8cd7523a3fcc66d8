"""Tools for infrastructure, as a person runs them: with AWS_ENDPOINT_URL, and nothing else of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support import fetching
from tests.support.server import REGION, Server

_PATIENCE_S = 240


def sam(server: Server, folder: Path, *arguments: str) -> str:
    """`sam *arguments*` in *folder*: what it said. It must succeed."""
    packages = fetching.python_program("sam")
    environ = {"PYTHONPATH": str(packages), "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "1", "HOME": str(folder)}
    return _run(server, folder, [sys.executable, "-m", "samcli", *arguments], environ)


def cdk(server: Server, folder: Path, *arguments: str, code: int = 0) -> str:
    """`cdk *arguments*` in *folder*, where apps find the library: what it said. It must end with *code*."""
    modules = fetching.node_modules("cdk") / "nodejs" / "node_modules"
    environ = {
        "NODE_PATH": str(modules),
        "CDK_DISABLE_CLI_TELEMETRY": "1",
        "NODE_NO_WARNINGS": "1",
        "CI": "1",
        "HOME": str(folder),
    }
    options = ("--no-version-reporting", "--no-notices")
    return _run(server, folder, [str(modules / ".bin" / "cdk"), *arguments, *options], environ, code)


def serverless(server: Server, folder: Path, *arguments: str) -> str:
    """The command of Serverless's open continuation in *folder*: what it said. It must succeed."""
    modules = fetching.node_modules("serverless") / "nodejs" / "node_modules"
    environ = {
        "SLS_TELEMETRY_DISABLED": "1",
        "SLS_NOTIFICATIONS_MODE": "off",
        "NODE_NO_WARNINGS": "1",
        "HOME": str(folder),
    }
    return _run(server, folder, [str(modules / ".bin" / "osls"), *arguments], environ)


def _run(server: Server, folder: Path, command: Sequence[str], environ: Mapping[str, str], code: int = 0) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
            **environ,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    assert done.returncode == code, f"{' '.join(command)}\n{done.stdout}"
    return done.stdout
