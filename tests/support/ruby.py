"""The Ruby client under a small Runtime API, on this machine's Ruby."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import lamina.guest
from tests.support.runtime_clients import Event, Outcome, run

_CLIENT = Path(lamina.guest.__file__).parent / "runtimes" / "ruby" / "lib" / "runtime.rb"


def invoke(
    root: Path,
    code: str | Mapping[str, str],
    events: Sequence[Event] = (Event(),),
    *,
    handler: str = "function.handler",
    refuses: int | None = None,
    **environ: str,
) -> Outcome:
    """What the function of *code*, the text of function.rb or files by name, does with *events*; *root* is empty."""
    ruby = shutil.which("ruby")
    if ruby is None:
        pytest.skip("ruby is not on this machine; it is Debian's package `ruby`")
    task = root / "task"
    for name, text in ({"function.rb": code} if isinstance(code, str) else code).items():
        path = task / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    variables = {
        "_HANDLER": handler,
        "LAMBDA_TASK_ROOT": str(task),
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0",
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/bin:/bin",
    }
    return run((ruby, str(_CLIENT)), variables | environ, events, refuses)
