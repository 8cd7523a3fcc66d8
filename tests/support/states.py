"""State folders of earlier Laminas: made once by the code of their time, kept as text, and unpacked for tests.

    .venv/bin/python -m tests.support.states SRC REVISION

makes tests/system/states/<REVISION> with the sources in SRC, which a worktree of an earlier commit has. Whoever adds a
revision to the catalog does so with today's sources first: every revision there was has its folder.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from tests.support.functions import archive, wait_until
from tests.support.server import ACCOUNT, REGION, ROLE, Server

KEPT: Final = Path(__file__).parents[1] / "system" / "states"
FUNCTION: Final = "kept"
RUNTIME: Final = "python3.12"
# What is asked of a state, by operation; every answer must be today what it was when the state was made.
ASKED: Final[dict[str, dict[str, Any]]] = {
    "GetFunction": {"FunctionName": FUNCTION},
    "ListVersionsByFunction": {"FunctionName": FUNCTION},
    "GetAlias": {"FunctionName": FUNCTION, "Name": "live"},
    "GetPolicy": {"FunctionName": FUNCTION, "Qualifier": "live"},
    "GetLayerVersion": {"LayerName": "base", "VersionNumber": 2},
    "GetLayerVersionPolicy": {"LayerName": "base", "VersionNumber": 2},
    "ListLayers": {},
    "ListLayerVersions": {"LayerName": "base"},
    "GetFunctionConcurrency": {"FunctionName": FUNCTION},
    "GetFunctionEventInvokeConfig": {"FunctionName": FUNCTION},
    "GetFunctionUrlConfig": {"FunctionName": FUNCTION},
    "GetFunctionCodeSigningConfig": {"FunctionName": FUNCTION},
    "GetFunctionRecursionConfig": {"FunctionName": FUNCTION},
    "ListEventSourceMappings": {"FunctionName": FUNCTION},
}
# They hold the address of the server that was asked.
_OF_THE_SERVER: Final = ("ResponseMetadata", "Location", "FunctionUrl")
_CODE: Final = """
import part
def handler(event, context):
    if event == "fail":
        raise LookupError("on purpose")
    print("RAN", event)
    return [part.WORD, event]
"""


def answers(server: Server) -> dict[str, Any]:
    """What *server* answers to everything in `ASKED`."""
    client = server.client()
    told = {name: getattr(client, _method(client, name))(**request) for name, request in ASKED.items()}
    masked: dict[str, Any] = json.loads(json.dumps(told, default=str), object_hook=_without_the_server)
    return masked


def unpack(revision: str, state: Path) -> dict[str, Any]:
    """Have the state of *revision* in the folder *state*; what it answered when it was made."""
    kept = KEPT / revision
    state.mkdir(mode=0o700)
    with closing(sqlite3.connect(state / "catalog.db")) as catalog:
        catalog.executescript((kept / "catalog.sql").read_text())
    for part in ("blobs", "logs"):
        shutil.copytree(kept / part, state / part)
    told: dict[str, Any] = json.loads((kept / "answers.json").read_text())
    return told


def asked(state: Path, query: str) -> list[tuple[Any, ...]]:
    """What the catalog in *state*, whichever revision it has, answers to *query*."""
    with closing(sqlite3.connect(state / "catalog.db")) as catalog:
        return catalog.execute(query).fetchall()


def furnish(server: Server) -> None:
    """Have a row in every table that the API of the first revision wrote, and an event that waits."""
    client = server.client()
    arns = []
    for word in ("one", "two", "three"):
        content = archive({"python/part.py": f"WORD = {word!r}\n".encode()})
        published = client.publish_layer_version(
            LayerName="base", Content={"ZipFile": content}, CompatibleRuntimes=[RUNTIME], Description=word
        )
        arns.append(published["LayerVersionArn"])
    client.delete_layer_version(LayerName="base", VersionNumber=3)
    client.add_layer_version_permission(
        LayerName="base", VersionNumber=2, StatementId="all", Action="lambda:GetLayerVersion", Principal="*"
    )
    signing = client.create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/p/1"]},
        Tags={"team": "one"},
    )["CodeSigningConfig"]["CodeSigningConfigArn"]
    client.create_function(
        FunctionName=FUNCTION, Runtime=RUNTIME, Handler="index.handler", Role=ROLE, Timeout=20,
        Code={"ZipFile": archive(_CODE)}, Layers=[arns[1]], Tags={"stage": "test"},
        Environment={"Variables": {"COLOUR": "blue"}}, Description="first",
    )  # fmt: skip
    _wait_settled(client)
    client.publish_version(FunctionName=FUNCTION)
    client.update_function_configuration(FunctionName=FUNCTION, Description="second")
    _wait_settled(client)
    client.publish_version(FunctionName=FUNCTION)
    client.create_alias(
        FunctionName=FUNCTION, Name="live", FunctionVersion="2",
        RoutingConfig={"AdditionalVersionWeights": {"1": 0.25}},
    )  # fmt: skip
    client.add_permission(
        FunctionName=FUNCTION, Qualifier="live", StatementId="s3", Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
    )  # fmt: skip
    client.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=5)
    client.put_function_event_invoke_config(FunctionName=FUNCTION, MaximumRetryAttempts=1)
    client.create_function_url_config(FunctionName=FUNCTION, AuthType="NONE")
    client.put_function_code_signing_config(FunctionName=FUNCTION, CodeSigningConfigArn=signing)
    client.put_function_recursion_config(FunctionName=FUNCTION, RecursiveLoop="Allow")
    client.create_event_source_mapping(
        FunctionName=FUNCTION, EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue", Enabled=False
    )
    assert json.loads(client.invoke(FunctionName=FUNCTION, Payload='"sync"')["Payload"].read()) == ["two", "sync"]
    # It fails, and waits for its retry.
    client.invoke(FunctionName=FUNCTION, InvocationType="Event", Payload='"fail"')
    wait_until(lambda: asked(server.state, "SELECT attempts FROM events") == [(1,)], 30, "the event has failed")


def _make(sources: Path, revision: str) -> None:
    kept = KEPT / revision
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        with Server.started(state, {"PYTHONPATH": str(sources), "LAMBDA_RETRY_BASE_DELAY": "3600"}) as server:
            furnish(server)
            (kept / "answers.json").write_text(json.dumps(answers(server), indent=1) + "\n")
        found = asked(state, "SELECT version_num FROM alembic_version")
        assert found == [(revision,)], f"these sources write revision {found}"
        with closing(sqlite3.connect(state / "catalog.db")) as catalog, catalog:
            # It is long over by the time that the state is used.
            catalog.execute("UPDATE events SET due_at = 0")
            (kept / "catalog.sql").write_text("\n".join(catalog.iterdump()) + "\n")
        for part in ("blobs", "logs"):
            shutil.copytree(state / part, kept / part)
    for path in sorted(kept.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.is_file():
            path.chmod(0o644)


def _wait_settled(client: Any) -> None:
    def settled() -> bool:
        told = client.get_function_configuration(FunctionName=FUNCTION)
        return bool(told["State"] == "Active" and told["LastUpdateStatus"] == "Successful")

    wait_until(settled, 30, "the function has settled")


def _method(client: Any, operation: str) -> str:
    methods: dict[str, str] = client.meta.method_to_api_mapping
    return next(method for method, name in methods.items() if name == operation)


def _without_the_server(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name not in _OF_THE_SERVER}


if __name__ == "__main__":
    _make(Path(sys.argv[1]), sys.argv[2])
