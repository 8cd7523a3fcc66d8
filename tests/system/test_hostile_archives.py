"""Archives that mean harm, sent as a customer would: refused in AWS's words, and nothing of them remains."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import zips
from tests.support.functions import Inside, create, layer, unique
from tests.support.hostile_archives import HOSTILE
from tests.support.refusals import invalid, refusal
from tests.support.runtimes import NEWEST
from tests.support.server import ROLE, Server
from tests.support.zips import Item

pytestmark = pytest.mark.anybody

UNREADABLE = invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
# Enough for a body to be read as it comes; what precedes an archive does not change what it is.
STUB = bytes(300_000)


def publish(server: Server) -> Callable[[bytes], Any]:
    client, name = server.client(), unique("hostile")
    return lambda data: refusal(client.publish_layer_version, LayerName=name, Content={"ZipFile": data})


def create_function(server: Server) -> Callable[[bytes], Any]:
    client, request = server.client(), {"Runtime": NEWEST, "Handler": "index.handler", "Role": ROLE}
    return lambda data: refusal(client.create_function, FunctionName=unique(), Code={"ZipFile": data}, **request)


def update_function(server: Server) -> Callable[[bytes], Any]:
    function = create(server, "def handler(event, context): return 'as it was'")
    client = server.client()
    return lambda data: refusal(client.update_function_code, FunctionName=function.name, ZipFile=data)


@pytest.mark.parametrize(
    ("operation", "stub"),
    [(publish, b""), (publish, STUB), (create_function, STUB), (update_function, b"")],
    ids=["publish, small", "publish, as it comes", "create function, as it comes", "update function, small"],
)
def test_every_hostile_archive_is_refused_and_leaves_nothing(
    shared_server: Server, operation: Callable[[Server], Callable[[bytes], Any]], stub: bytes
) -> None:
    send, archives = operation(shared_server), {case: stub + data for case, (data, _) in HOSTILE.items()}
    answers = {case: send(data) for case, data in archives.items() if data}
    assert {case: answer for case, answer in answers.items() if answer != UNREADABLE} == {}
    digests = {hashlib.sha256(data).hexdigest() for data in archives.values()}
    state = shared_server.state
    assert [path for path in state.rglob("*") if path.name in digests or path.parent.name + path.name in digests] == []
    for incoming in (state / "blobs" / "incoming", state / "trees" / "v1" / ".incoming"):
        assert list(incoming.iterdir()) == []


def test_names_that_look_alike_stay_apart(shared_server: Server) -> None:
    """Equal but for case, or for how letters are composed: on Linux these are different files."""
    names = ["a/Readme", "a/readme", "a/\u00e9", "a/e\u0301", "a/..\\b", "a/\u2025"]
    content = zips.archive(*(Item(name, name.encode(), flags=0x800) for name in names))
    inside = Inside.on(shared_server, Layers=[layer(shared_server, content)])

    def look() -> dict[str, str]:
        import os

        return {f"a/{name}": open(f"/opt/a/{name}", encoding="utf-8").read() for name in os.listdir("/opt/a")}

    assert inside.run(look) == {name: name for name in names}
