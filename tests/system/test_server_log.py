"""What a server says on standard error where a machine reads it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.collector import Collector
from tests.support.functions import create
from tests.support.server import ACCOUNT, REGION, Server

pytestmark = pytest.mark.anybody


def test_every_line_is_json_and_names_its_request(watched_server: tuple[Server, Collector]) -> None:
    server, _ = watched_server
    function = create(server, "def handler(event, context):\n    return 1\n")
    answer = function.call({})
    location = function.client.get_function(FunctionName=function.name)["Code"]["Location"]
    with urllib.request.urlopen(location, timeout=60) as archive:
        assert archive.read()
    answer_address = urllib.request.Request(f"{server.endpoint}/_lamina/stacks/only-for-one", b"{}", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as unknown, urllib.request.urlopen(answer_address, timeout=60):
        pass
    unknown.value.close()
    with pytest.raises(ClientError) as refused:
        server.client().get_function(FunctionName="nobody")
    # Of addresses that are secrets, the secret is not in it.
    path, _, query = location.removeprefix(server.endpoint).partition("?")
    assert path in server.said()
    assert query not in server.said()
    assert "only-for-one" not in server.said()
    lines: list[dict[str, Any]] = [json.loads(line) for line in server.said().splitlines()]
    by_request = {line["request_id"]: line for line in lines if "status" in line}
    line = by_request[answer.request_id]
    assert line["operation"] == "Invoke"
    assert (line["account"], line["region"], line["service"]) == (ACCOUNT, REGION, "lambda")
    assert (line["function"], line["status"]) == (function.name, 200)
    assert 0 < line["duration_ms"] < 60_000
    missing = by_request[refused.value.response["ResponseMetadata"]["RequestId"]]
    assert (missing["operation"], missing["function"], missing["status"]) == ("GetFunction", "nobody", 404)
