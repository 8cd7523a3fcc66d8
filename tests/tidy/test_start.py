"""What waits in a server's memory from its start on: nothing that only some servers need, or need later."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.anybody

NOT_YET = {
    "alembic": "migrates old state",
    "boto3": "answers for companions",
    "botocore": "sends to other services",
    "http.client": "sends",
    "lamina.companions.child": "is a process of its own",
    "lamina.installing": "is for commands",
    "lamina.operations.figures": "is for who asks for metrics",
    "lamina.operations.stacks.kinds": "is for stacks",
    "lamina.span_export": "is for servers that are traced",
    "obstore": "keeps blobs elsewhere than in a folder",
    "rich": "is for commands",
    "typer": "is for commands",
    "urllib.request": "sends",
    "urllib3": "sends",
    "xml": "is what S3 and stacks answer",
    "yaml": "reads templates",
}
PROGRAM = """
import sys
import lamina.serving
from lamina.wire import Api
Api.load()
print(*sys.modules)
"""


def test_a_server_begins_without_what_it_may_never_need() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert "lamina.main" in loaded
    assert not loaded & NOT_YET.keys()
