"""Attempts by a layer that is preloaded, whose code runs in processes that enter environments before they are made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import zips
from tests.support.attempts import ATTEMPTS, COMES_OF_IT
from tests.support.functions import Function, archive, create, layer, wait_until
from tests.support.runtimes import NEWEST
from tests.support.server import Server

pytestmark = pytest.mark.skipif(
    int(NEWEST.partition(".")[2]) < 9, reason="no Python that can be preloaded is to be seen here"
)

# What is to move into an environment is copied first, with every descriptor. The copy enters at once, makes its
# attempts while it is nobody's yet, and once more when it is a function's.
HOSTILE = """
import json, os, secrets, time
import lamina_template
from attempts import kernel, tried

token = secrets.token_hex()
honest = lamina_template.move_in

def move_in(namespaces, log):
    if os.fork() == 0:
        for namespace in namespaces[:2]:
            kernel.setns(namespace, 0)
        early = tried()
        early["code"] = sorted(os.listdir("/var/task"))
        while not os.path.exists("/var/task/index.py"):
            time.sleep(0.01)
        for namespace in namespaces[2:]:
            kernel.setns(namespace, 0)
        if os.fork() == 0:
            with open("/tmp/aside", "w") as file:
                json.dump([early, tried()], file)
            os.rename("/tmp/aside", "/tmp/found")
        os._exit(0)
    honest(namespaces, log)

lamina_template.move_in = move_in
"""
CODE = """
    import sys
    early = "hostile" in sys.modules
    import json, os, time

    def handler(event, context):
        if not early:
            return None
        import hostile
        if event == "token":
            return hostile.token
        end = time.monotonic() + 5
        while not os.path.exists("/tmp/found") and time.monotonic() < end:
            time.sleep(0.01)
        with open("/tmp/found") as file:
            return json.load(file)
"""
LAYER = {"python/hostile.py": HOSTILE.encode(), "python/attempts.py": ATTEMPTS.encode()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environ = {"LAMINA_PRELOAD": "hostile", "LAMBDA_KEEPALIVE_MS": "0"}
    with Server.started(tmp_path_factory.mktemp("preloading") / "state", environ) as started:
        yield started


def preloaded(function: Function, event: str) -> Any:
    """What it answers from an environment that begins from a template."""
    return wait_until(lambda: function.value(event), 30, every=0.1)


def test_whoever_moves_in_before_an_environment_is_made_gets_no_further_than_that(server: Server) -> None:
    function = create(server, CODE, Layers=[layer(server, LAYER)], Timeout=15)
    early, late = preloaded(function, "found")
    assert int(late.pop("rights"), 16), "it is not where it would have any, so nothing was shown"
    assert late == COMES_OF_IT
    # Its /proc shows it only those of the environment, not itself.
    assert early.pop("rights") == "ENOENT"
    assert early.pop("code") == ["lib"], "this is what is there where no code is yet"
    # There is no /tmp to write to yet.
    assert early == {**COMES_OF_IT, "device": "EROFS"}


def test_two_accounts_have_nothing_of_each_other_though_their_layers_are_the_same_bytes(server: Server) -> None:
    tokens = set()
    for account in ("111122223333", "444455556666"):
        client = server.client(account=account)
        role = f"arn:aws:iam::{account}:role/lambda-role"
        told = client.publish_layer_version(LayerName="hostile", Content={"ZipFile": zips.of(LAYER)})
        client.create_function(
            FunctionName="f",
            Runtime=NEWEST,
            Handler="index.handler",
            Role=role,
            Code={"ZipFile": archive(CODE)},
            Layers=[told["LayerVersionArn"]],
        )
        function = Function(server, client, "f")
        tokens |= {preloaded(function, "token") for _ in range(2)}
    assert len(tokens) == 2, "each account has imported it once"
