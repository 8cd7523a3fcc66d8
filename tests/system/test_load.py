"""More callers than may run; and what `python -m reliability` measures with is what it is taken for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from reliability import filling
from reliability.callers import crowd
from tests.support.functions import create, wait_until
from tests.support.server import Server

CALLERS = 60
WORKING = "import time\ndef handler(event, context):\n    time.sleep(0.05)\n    return 'served'\n"


def test_who_is_too_many_is_turned_away_in_aws_words_and_the_others_are_served(tmp_path: Path) -> None:
    with Server.started(tmp_path / "state", {"LAMINA_MAX_ENVIRONMENTS": "4"}) as server:
        function = create(server, WORKING, Timeout=60)
        wait_until(lambda: function.settled, 30, "the function has settled")
        path = f"/2015-03-31/functions/{function.name}/invocations"
        calls = crowd(server.endpoint, path, b"{}", callers=CALLERS, seconds=1)
        statuses = Counter(call.status for call in calls)
        assert set(statuses) == {200, 429}
        assert {call.reason for call in calls if call.status == 429} == {"ConcurrentInvocationLimitExceeded"}
        # Everybody was answered, and those who were turned away have hurt nothing.
        assert len(calls) >= CALLERS
        assert function.value() == "served"


@pytest.mark.anybody
def test_a_catalog_filled_for_measuring_is_one_that_the_api_might_have_filled(tmp_path: Path) -> None:
    state = tmp_path / "state"
    filling.fill(state, functions=12, layer_versions=210)
    command = [sys.executable, "-m", "lamina", "fsck", "--state", str(state)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    with Server.started(state) as server:
        client = server.client()
        assert len(client.list_functions()["Functions"]) == 13
        third = client.list_layer_versions(LayerName=filling.layer_name(2))["LayerVersions"]
        assert [version["Version"] for version in third] == list(range(10, 0, -1))
        answer = client.invoke(FunctionName=filling.function_name(5), Payload=b"1")
        assert json.loads(answer["Payload"].read()) == ["layer 5", 1]
        logs = server.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{filling.function_name(11)}")
        assert [event["message"] for event in logs["events"]] == ['{"said": 11}\n']
