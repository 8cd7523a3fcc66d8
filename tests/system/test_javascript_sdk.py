"""The AWS SDK for JavaScript, version 3: its commands, waiters, paginators and errors, against a running server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import javascript, streamer, zips
from tests.support.functions import create, unique
from tests.support.runtimes import NEWEST
from tests.support.server import ACCOUNT, REGION, Server

pytestmark = pytest.mark.anybody

SCENARIO = Path(__file__).parent / "javascript" / "scenario.mjs"
CODE = b"import own, shared\ndef handler(event, context): return [event['asked'], own.VALUE, shared.VALUE]\n"
ARCHIVES = {
    "code": {"index.py": CODE},
    "one": {"python/own.py": b"VALUE = 1\n"},
    "two": {"python/own.py": b"VALUE = 2\n"},
    "shared": {"python/shared.py": b"VALUE = 'shared'\n"},
}


def _class_and_code(code: str) -> list[str]:
    """How the SDK shows an error of its model."""
    return [code, code]


@pytest.mark.slow
def test_javascript_drives_a_function_with_two_layers_through_its_life(shared_server: Server, tmp_path: Path) -> None:
    for file, files in ARCHIVES.items():
        (tmp_path / f"{file}.zip").write_bytes(zips.of(files))
    name = unique("js")
    given = {"folder": str(tmp_path), "name": name, "runtime": NEWEST}
    seen = javascript.run(SCENARIO.read_text(), shared_server.endpoint, given)
    layer = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{name}"
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    asked = "by JavaScript"
    refusals = seen.pop("refusals")
    assert seen == {
        "created": ["Pending", "Creating", [f"{layer}-own:1", f"{layer}-shared:1"]],
        "first": [200, "$LATEST", [asked, 1, "shared"]],
        "policy": [["s3", f"{function}:live"]],
        "updating": ["InProgress", [f"{layer}-own:2", f"{layer}-shared:1"]],
        "latest": [200, "$LATEST", [asked, 2, "shared"]],
        "live": [200, "1", [asked, 1, "shared"]],
        "moved": [200, "2", [asked, 2, "shared"]],
        "alias": {"AdditionalVersionWeights": {"1": 0}},
        "pages": [["$LATEST"], ["1"], ["2"], [2], [1]],
        "tags": {"made": "here"},
        "deleted": 204,
    }
    # The class the SDK made of it, the code, the message, the status.
    missing, taken, outdated, malformed = refusals
    assert missing == [*_class_and_code("ResourceNotFoundException"), f"Function not found: {function}-missing", 404]
    assert taken == [*_class_and_code("ResourceConflictException"), f"Alias already exists: {function}:live", 409]
    assert outdated[:2] == _class_and_code("PreconditionFailedException")
    assert malformed[1:] == ["ValidationException", malformed[2], 400]
    assert malformed[2].startswith("1 validation error detected: Value '*' at 'functionName' failed")


STREAMING = """
import { InvokeWithResponseStreamCommand, LambdaClient } from "@aws-sdk/client-lambda";
const client = new LambdaClient({});
const { name, events } = JSON.parse(process.env.GIVEN);
const seen = [];
for (const event of events) {
    const command = new InvokeWithResponseStreamCommand({ FunctionName: name, Payload: JSON.stringify(event) });
    const { EventStream, ExecutedVersion } = await client.send(command);
    let text = "", complete;
    for await (const each of EventStream) {
        text += new TextDecoder().decode(each.PayloadChunk?.Payload);
        complete ??= each.InvokeComplete;
    }
    seen.push([ExecutedVersion, text, complete.ErrorCode ?? null]);
}
console.log(JSON.stringify(seen));
"""


@pytest.mark.slow
def test_javascript_reads_a_streamed_response(shared_server: Server) -> None:
    function = create(shared_server, streamer.CODE)
    events = [{"chunks": ["one", "two"]}, {"chunks": ["one"], "end": "error"}]
    seen = javascript.run(STREAMING, shared_server.endpoint, {"name": function.name, "events": events})
    assert seen == [["$LATEST", "onetwo", None], ["$LATEST", "one", "Unhandled"]]
