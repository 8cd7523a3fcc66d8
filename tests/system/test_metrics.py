"""The metrics of a running server."""

from __future__ import annotations

import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from tests.support.collector import Collector
from tests.support.functions import create
from tests.support.server import ACCOUNT, REGION, Server

PATH = "/_lamina/metrics"
CODE = "def handler(event, context):\n    return 1 / event['by']\n"


def _text(server: Server, **headers: str) -> str:
    asked = urllib.request.Request(server.endpoint + PATH, headers=headers)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return str(answer.read().decode())


def _refused(server: Server, **headers: str) -> str:
    """What is said to whoever may not read them."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        _text(server, **headers)
    with refused.value as answer:
        assert answer.code == 403
        return str(answer.read().decode())


def _values(server: Server) -> dict[str, float]:
    """Every series with its value."""
    lines = [line for line in _text(server).splitlines() if not line.startswith("#")]
    return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}


def test_what_functions_do_is_counted(shared_server: Server) -> None:
    function = create(shared_server, CODE)
    names = f'account="{ACCOUNT}",region="{REGION}",function="{function.name}"'
    assert function.call({"by": 2}).error is None
    assert function.call({"by": 0}).error == "Unhandled"
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError, match="TooManyRequests"):
        function.call({"by": 1})
    values = _values(shared_server)
    assert values[f"lamina_invocations_total{{{names}}}"] == 2
    assert values[f"lamina_invocation_errors_total{{{names}}}"] == 1
    assert values[f"lamina_invocation_throttles_total{{{names}}}"] == 1
    assert values[f"lamina_cold_invocations_total{{{names}}}"] == 1
    assert values[f'lamina_invocation_duration_seconds_bucket{{{names},le="+Inf"}}'] == 2
    assert 0 < values[f"lamina_invocation_duration_seconds_sum{{{names}}}"] < 60
    assert values['lamina_environment_start_seconds_count{initialization="on-demand",phase="init"}'] >= 1
    assert values['lamina_api_requests_total{service="lambda",operation="Invoke",code="429"}'] >= 1
    assert values['lamina_environments{state="idle"}'] >= 1
    assert values['lamina_waiting{queue="events"}'] >= 0
    assert values['lamina_cache_lookups_total{cache="trees",result="hit"}'] >= 1
    assert values['lamina_store_entries{store="blobs"}'] >= 1
    assert values['lamina_store_bytes{store="blobs"}'] > 0
    assert values["process_resident_memory_bytes"] > 10 << 20
    assert values["process_open_fds"] > 10


def test_code_in_an_environment_has_no_such_page(shared_server: Server) -> None:
    # Signed as the function, with the key of its environment.
    code = """
import os
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from botocore.session import Session
def handler(event, context):
    session = Session()
    answers = {}
    for path in ("/_lamina/metrics", "/_lamina/health"):
        asked = AWSRequest("GET", os.environ["AWS_ENDPOINT_URL"] + path)
        SigV4Auth(session.get_credentials(), "lambda", os.environ["AWS_REGION"]).add_auth(asked)
        answers[path] = URLLib3Session().send(asked.prepare()).status_code
    return answers
"""
    assert create(shared_server, code, Timeout=30, MemorySize=512).value({}) == {
        "/_lamina/metrics": 404,
        "/_lamina/health": 200,
    }


def test_where_a_token_is_set_it_is_asked_for(watched_server: tuple[Server, Collector]) -> None:
    server, _ = watched_server
    assert "LAMINA_METRICS_TOKEN" in _refused(server)
    assert "lamina_build_info" in _text(server, Authorization="Bearer a-word")


def test_a_web_page_may_not_read_them(shared_server: Server) -> None:
    assert "web pages" in _refused(shared_server, Origin="http://attacker.example")
