"""Archives that are read while they come: kept as they were sent, and gone when nobody is to have them."""

from __future__ import annotations

import base64
import itertools
import json
import random
import socket
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.support.functions import unique, wait_until
from tests.support.gateway import RawClient, request
from tests.support.server import ROLE, Server
from tests.support.zips import of

pytestmark = pytest.mark.anybody

DATA = random.Random(5).randbytes(3_000_000)


def incoming(server: Server) -> list[Path]:
    return list((server.state / "blobs" / "incoming").iterdir())


def test_a_large_archive_is_kept_as_it_was_sent(shared_server: Server) -> None:
    aws, name = shared_server.client(), unique("large")
    archive = of({"python/data.bin": DATA})
    published = aws.publish_layer_version(LayerName=name, Content={"ZipFile": archive}, Description="as it comes")
    content = published["Content"]
    assert (published["Description"], content["CodeSize"]) == ("as it comes", len(archive))
    with urllib.request.urlopen(content["Location"]) as download:
        assert download.read() == archive
    again = aws.publish_layer_version(LayerName=name, Content={"ZipFile": archive})
    assert (again["Version"], again["Content"]["CodeSha256"]) == (2, content["CodeSha256"])
    assert incoming(shared_server) == []


def test_a_function_whose_code_is_large_runs(shared_server: Server) -> None:
    aws, name = shared_server.client(), unique("large")
    source = b"import pathlib\ndef handler(event, context):\n    return pathlib.Path('data.bin').stat().st_size\n"
    code = {"ZipFile": of({"app.py": source, "data.bin": DATA})}
    aws.create_function(FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=ROLE, Code=code)
    assert json.load(aws.invoke(FunctionName=name)["Payload"]) == len(DATA)
    aws.delete_function(FunctionName=name)


@pytest.mark.parametrize(
    ("archive", "more", "code"),
    [
        (DATA, {}, "InvalidParameterValueException"),
        (of({"file": DATA})[:-9], {}, "InvalidParameterValueException"),
        (of({"file": DATA}), {"Description": "x" * 257}, "ValidationException"),
    ],
)
def test_what_is_refused_leaves_nothing(shared_server: Server, archive: bytes, more: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        shared_server.client().publish_layer_version(LayerName=unique("large"), Content={"ZipFile": archive}, **more)
    assert refused.value.response["Error"]["Code"] == code
    # A thread that has written the last of it may still hold on to it when the answer is here.
    wait_until(lambda: not incoming(shared_server) or None, what="it is given up")


def test_a_client_that_goes_away_in_the_midst_of_it_leaves_nothing(shared_server: Server) -> None:
    encoded = base64.b64encode(DATA)
    body = b'{"Content": {"ZipFile": "' + encoded + b'"}}'
    half = request("POST", f"/2018-10-31/layers/{unique('large')}/versions", body)[: -len(body) // 2]
    to = urlsplit(shared_server.endpoint)
    with RawClient(socket.create_connection((to.hostname, to.port))) as client:
        client.send(half)
        wait_until(lambda: incoming(shared_server) or None, what="the first half is written")
    wait_until(lambda: not incoming(shared_server) or None, what="it is given up")


def test_what_is_sent_behind_a_large_archive_is_answered_after_it(shared_server: Server) -> None:
    """However the archive is cut on its way."""
    body = json.dumps({"Content": {"ZipFile": base64.b64encode(of({"data.bin": DATA})).decode()}}).encode()
    upload = request("POST", f"/2018-10-31/layers/{unique('large')}/versions", body)
    to = urlsplit(shared_server.endpoint)
    with RawClient(socket.create_connection((to.hostname, to.port))) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in itertools.pairwise([0, 100, 90_000, 90_001, 1_000_000, 1_000_003, len(upload) - 5]):
            client.send(upload[start:end])
        client.send(upload[-5:] + request("GET", "/_lamina/health"))
        assert [client.answer().status, client.answer().status] == [201, 200]
