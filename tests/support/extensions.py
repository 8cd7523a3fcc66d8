"""Layers with extensions: real programs that speak the Extensions API over HTTP."""

from __future__ import annotations

import textwrap
from typing import Any

from tests.support import zips
from tests.support.functions import Answer, Function, layer, wait_until
from tests.support.server import Server

# Speaks for what follows it. Everything that happens to an extension is a line in /tmp/<name>, which outlives it.
_SPEAKING = """#!/var/lang/bin/python3
import json, os, signal, sys, threading, time, urllib.error, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

NAME = os.path.basename(sys.argv[0])
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]

def note(*words):
    with open("/tmp/" + NAME, "a") as file:
        file.write(json.dumps(words[0] if len(words) == 1 else words) + "\\n")

def ask(method, path, headers=None, body=None):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()

def register(*events, **headers):
    global ME
    named = {"Lambda-Extension-Name": NAME, **headers}
    status, told, body = ask("POST", "/2020-01-01/extension/register", named, {"events": events})
    ME = {"Lambda-Extension-Identifier": told.get("Lambda-Extension-Identifier", "")}
    return status, json.loads(body)

def next_event():
    status, headers, body = ask("GET", "/2020-01-01/extension/event/next", ME)
    return json.loads(body)

def report(kind, error_type):
    typed = {"Lambda-Extension-Function-Error-Type": error_type, **ME}
    return ask("POST", "/2020-01-01/extension/%s/error" % kind, typed, {})[0]

def subscribe(port, types=("platform", "function", "extension"), path="/2022-07-01/telemetry", **more):
    request = {"types": types, "buffering": {"timeoutMs": 25}, **more}
    if path == "/2022-07-01/telemetry":
        request.setdefault("schemaVersion", "2022-12-13")
    request.setdefault("destination", {"protocol": "HTTP", "URI": "http://sandbox.localdomain:%d" % port})
    status, _, body = ask("PUT", path, ME, request)
    return status, json.loads(body)

def listen(port):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            for event in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
                note("telemetry", event)
            self.send_response(200)
            self.end_headers()
        do_PUT = do_POST
        def log_message(self, *words):
            pass
    server = HTTPServer(("sandbox.localdomain", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

def until_shutdown(at=lambda event: None):
    while True:
        event = next_event()
        note(event)
        at(event)
        if event["eventType"] == "SHUTDOWN":
            return
"""


def program(body: str) -> bytes:
    """An extension that does *body*, with the words above at hand."""
    return _SPEAKING.encode() + textwrap.dedent(body).encode()


def extensions(server: Server, **bodies: str | bytes) -> str:
    """A layer with an executable in /opt/extensions for each name; a body in bytes is the whole file."""
    items = [
        zips.Item(f"extensions/{name}", body if isinstance(body, bytes) else program(body), mode=0o100755)
        for name, body in bodies.items()
    ]
    return layer(server, zips.archive(*items))


# A function that tells what extensions noted, by name.
READING = """
import json, os
def notes(name):
    try:
        with open("/tmp/" + name) as file:
            return [json.loads(line) for line in file.read().splitlines()]
    except FileNotFoundError:
        return []
"""


def call(function: Function, event: Any = None) -> Answer:
    """Invoke a function on a server of one environment, once that is free."""

    def once() -> Answer | None:
        try:
            return function.call(event)
        except function.client.exceptions.TooManyRequestsException:
            return None

    answer = wait_until(once, 20)
    assert answer is not None
    return answer
