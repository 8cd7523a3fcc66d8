"""Programs in layers and as functions: Debian's jq, a bootstrap in bash, a binary of Go."""

from __future__ import annotations

import platform
import stat

import pytest

from tests.support import fetching, zips
from tests.support.functions import create, layer
from tests.support.server import Server

pytestmark = [pytest.mark.anybody, pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def jq(shared_server: Server) -> str:
    """Debian's jq in bin/ and its libraries in lib/, as one would lay them out for AWS, links and all."""
    files = fetching.debian("jq", "libjq1", "libonig5")
    (library,) = (files / "usr/lib").glob("*-linux-gnu")
    items = [zips.Item("bin/jq", (files / "usr/bin/jq").read_bytes(), mode=stat.S_IFREG | 0o755)]
    for path in sorted(library.glob("lib*.so*")):
        if path.is_symlink():
            items.append(zips.link(f"lib/{path.name}", str(path.readlink())))
        else:
            items.append(zips.Item(f"lib/{path.name}", path.read_bytes()))
    assert any(stat.S_ISLNK(item.mode) for item in items)
    return layer(shared_server, zips.archive(*items))


def test_jq_runs_from_a_layer_with_the_libraries_of_the_layer(shared_server: Server, jq: str) -> None:
    code = """
        import json, subprocess
        def handler(event, context):
            filtered = subprocess.run(["jq", "-c", event["filter"]], input=json.dumps(event["data"]), text=True,
                                      capture_output=True, check=True).stdout
            which = subprocess.run(["bash", "-c", "command -v jq; ldd /opt/bin/jq"], text=True, capture_output=True)
            return [json.loads(filtered), which.stdout]
    """
    # Ahead of PATH's others, because this machine may have a jq of its own.
    path = {"PATH": "/opt/bin:/var/lang/bin:/usr/local/bin:/usr/bin/:/bin"}
    function = create(shared_server, code, Layers=[jq], Environment={"Variables": path})
    filtered, which = function.value(
        {"filter": '[.[] | select(.name | test("^a"))]', "data": [{"name": "ab"}, {"name": "b"}]}
    )
    assert filtered == [{"name": "ab"}]
    assert which.startswith("/opt/bin/jq\n")
    assert "libjq.so.1 => /opt/lib/libjq.so.1" in which
    assert "libonig.so.5 => /opt/lib/libonig.so.5" in which


# As in the tutorial of AWS's guide, which calls `curl`; here jq from another layer reads the event.
_BOOTSTRAP = b"""#!/bin/sh
set -euo pipefail
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
source "$LAMBDA_TASK_ROOT/$(echo "$_HANDLER" | cut -d. -f1).sh"
while true; do
    headers="$(mktemp)"
    event=$(curl -sS -LD "$headers" "$api/invocation/next")
    request_id=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)
    rm "$headers"
    if response=$($(echo "$_HANDLER" | cut -d. -f2) "$event"); then
        curl -sS "$api/invocation/$request_id/response" -d "$response" > /dev/null
    else
        curl -sS "$api/invocation/$request_id/error" -H "Lambda-Runtime-Function-Error-Type: Shell.Failed" \\
            -d '{"errorMessage":"the handler failed","errorType":"Shell.Failed"}' > /dev/null
    fi
done
"""
_FUNCTION = b"""
function handler() {
    echo "asked: $1" >&2
    name=$(/opt/bin/jq -r .name <<< "$1")
    [ "$name" != nobody ] || return 1
    echo "{\\"greeting\\": \\"hello $name\\", \\"shell\\": \\"$BASH_VERSION\\", \\"user\\": \\"$(id -un)\\"}"
}
"""


@pytest.mark.parametrize("runtime", ["provided.al2023", "provided.al2"])
def test_a_runtime_in_bash_whose_bootstrap_comes_from_a_layer(shared_server: Server, jq: str, runtime: str) -> None:
    bootstrap = layer(shared_server, zips.archive(zips.Item("bootstrap", _BOOTSTRAP, mode=stat.S_IFREG | 0o755)))
    function = create(
        shared_server, {"function.sh": _FUNCTION}, runtime=runtime, Handler="function.handler", Layers=[bootstrap, jq]
    )
    answer = function.call({"name": "ü"})
    assert answer.error is None, answer.raw + answer.log.encode()
    assert answer.value["greeting"] == "hello ü"
    assert answer.value["shell"]
    assert answer.value["user"].startswith("sbx_user")
    assert 'asked: {"name": "\\u00fc"}\n' in answer.log

    failed = function.call({"name": "nobody"})
    assert (failed.error, failed.value["errorType"]) == ("Unhandled", "Shell.Failed")
    assert function.value({"name": "again"})["greeting"] == "hello again"


def test_a_program_of_go_with_the_library_of_aws(shared_server: Server) -> None:
    program = (fetching.go_program("go") / "bootstrap").read_bytes()
    data = layer(shared_server, {"data/greeting": b"hello "})
    function = create(
        shared_server,
        zips.archive(zips.Item("bootstrap", program, mode=stat.S_IFREG | 0o755)),
        runtime="provided.al2023",
        Handler="any.name",
        Architectures=["arm64" if platform.machine() == "aarch64" else "x86_64"],
        Layers=[data],
    )
    answer = function.call({"name": "gopher"})
    assert answer.error is None, answer.raw + answer.log.encode()
    assert answer.value == {
        "greeting": "hello gopher",
        "request_id": answer.request_id,
        "arn": f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}",
        "arguments": ["/var/task/bootstrap"],
        "handler": "any.name",
        "layer": answer.value["layer"],
        "left": True,
    }
    assert "/opt/lib" in answer.value["layer"].split(":")

    plain = function.call({"fail": "error"})
    assert plain.error == "Unhandled"
    assert plain.value == {"errorMessage": "failed as asked", "errorType": "errorString"}
    typed = function.call({"fail": "typed", "name": "x"})
    assert typed.value == {"errorMessage": "nobody is called x", "errorType": "noSuchName"}
    # After a panic the library answers, and then ends its process: the next event finds a new one.
    for _ in range(5):
        panicked = function.call({"fail": "panic"})
        assert panicked.value["errorMessage"] == "panicked as asked"
        assert panicked.value["stackTrace"]
        assert function.value({"name": "again"})["greeting"] == "hello again"
    ended = function.call({"fail": "exit"})
    assert ended.value == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {ended.request_id} Error: Runtime exited with error: exit status 3",
    }
    assert function.value({"name": "again"})["greeting"] == "hello again"
