"""`lamina up --network host`: functions on the host's own network, where what an environment needs is on loopback."""

from __future__ import annotations

import stat
from collections.abc import Iterator

import pytest

from tests.support import zips
from tests.support.functions import create, layer, wait_until
from tests.support.runtimes import NEWEST
from tests.support.server import Server
from tests.support.zips import Item

EXTENSION = """#!/var/lang/bin/@RUNTIME@
import http.server, json, os, threading, urllib.request

def ask(path, document, **headers):
    request = urllib.request.Request("http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + path, headers=headers)
    if document is not None:
        request.data, request.method = json.dumps(document).encode(), "PUT" if "telemetry" in path else "POST"
    return urllib.request.urlopen(request)

class Heard(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        with open("/tmp/heard", "ab") as file:
            file.write(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass

# A port that is free: on the host's network others may have any.
listener = http.server.HTTPServer(("sandbox.localdomain", 0), Heard)
threading.Thread(target=listener.serve_forever, daemon=True).start()
name = {"Lambda-Extension-Name": "hears"}
answer = ask("/2020-01-01/extension/register", {"events": []}, **name)
me = {"Lambda-Extension-Identifier": answer.headers["Lambda-Extension-Identifier"]}
ask("/2022-07-01/telemetry", {
    "schemaVersion": "2022-12-13",
    "types": ["platform"],
    "buffering": {"timeoutMs": 25, "maxItems": 1000, "maxBytes": 262144},
    "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:%d/" % listener.server_port},
}, **me)
ask("/2020-01-01/extension/event/next", None, **me)
"""
LOOK = """
import os
def handler(event, context):
    return open("/tmp/heard").read() if os.path.exists("/tmp/heard") else ""
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server.started(tmp_path_factory.mktemp("host") / "state", None, "--network", "host") as server:
        yield server


def test_an_extension_hears_telemetry_at_the_sandboxs_name(server: Server) -> None:
    program = EXTENSION.replace("@RUNTIME@", NEWEST).encode()
    bring = layer(server, zips.archive(Item("extensions/hears", program, mode=stat.S_IFREG | 0o755)))
    function = create(server, LOOK, Layers=[bring])
    wait_until(lambda: "platform.report" in function.value(), 20)
