"""The Node.js client under a small Runtime API, on the releases of Node.js that AWS's runtimes have."""

from __future__ import annotations

import json
import os
import platform
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import lamina.guest
from tests.support import fetching
from tests.support.runtime_clients import Event, Outcome, run

VERSIONS = ("20", "22", "24")
WITH_CALLBACKS = ("20", "22")
CLIENT = Path(lamina.guest.__file__).parent / "runtimes" / "nodejs" / "index.mjs"
_MACHINES = {"x86_64": "x64", "aarch64": "arm64"}
# AWS's, beside those that bound the heap: what these releases do by default, and AWS's runtimes did not.
_OPTIONS = {
    "20": ("--no-experimental-require-module",),
    "22": ("--no-experimental-require-module", "--no-experimental-detect-module"),
    "24": (),
}


def program(version: str) -> Path:
    """The interpreter of Node.js *version* ("22"), fetched once."""
    name = f"node{version}-{_MACHINES[platform.machine()]}"
    return fetching.node_modules("nodejs") / "nodejs" / "node_modules" / name / "bin" / "node"


def install(state: Path, version: str) -> None:
    """Put Node.js *version* into the state folder of a server to be, as `lamina runtimes install` would."""
    folder = state / "runtimes" / "installed" / "v1" / f"nodejs{version}.x"
    interpreter = program(version)
    (folder / "lang" / "bin").mkdir(parents=True)
    try:
        os.link(interpreter, folder / "lang" / "bin" / "node")
    except OSError:
        shutil.copy(interpreter, folder / "lang" / "bin" / "node")
    sdk = folder / "runtime" / "node_modules" / "@aws-sdk" / "stands-in"
    sdk.mkdir(parents=True)
    (sdk / "index.js").write_text("module.exports = __filename;")
    release = json.loads((interpreter.parent.parent / "package.json").read_text())["version"]
    manifest = {
        "runtime": folder.name,
        "kind": "nodejs",
        "architecture": {"aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
        "release": release,
        "lang": True,
        "sdk": "stands-in",
        "artifacts": [],
        "installed_bytes": 0,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def invoke(
    root: Path,
    code: str | Mapping[str, str],
    events: Sequence[Event] = (Event(),),
    *,
    version: str = "20",
    handler: str = "index.handler",
    refuses: int | None = None,
    client: Path = CLIENT,
    **environ: str,
) -> Outcome:
    """What the function of *code*, the text of index.js or files by name, does with *events*; *root* is empty."""
    task = root / "task"
    for name, text in ({"index.js": code} if isinstance(code, str) else code).items():
        path = task / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    variables = {
        "_HANDLER": handler,
        "LAMBDA_TASK_ROOT": str(task),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_nodejs{version}.x",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0",
        "PATH": "/usr/bin:/bin",
    }
    command = (str(program(version)), *_OPTIONS[version], str(client))
    return run(command, variables | environ, events, refuses)
