"""Whatever the runtime, a function sees the variables that were recorded on AWS, by name and by value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lamina.worker import languages
from tests.support.functions import Function, create
from tests.support.java import classes
from tests.support.recorded import RECORDED, differences
from tests.support.runtimes import INSTALLED as PYTHONS
from tests.support.server import Server

TEST_KEY: Mapping[str, Any] = {"Variables": {"TEST_KEY": "TEST_VAL"}}
# Lamina's own, for an SDK inside to come back to it.
OURS = {"AWS_ENDPOINT_URL"}
NODE = {"index.js": b"exports.handler = async () => ({ ...process.env });"}
PYTHON = {"index.py": b"import os\ndef handler(event, context): return dict(os.environ)\n"}
JAVA = """
public class index {
    public java.util.Map<String, String> handler(Object event) { return System.getenv(); }
}
"""


def unlike(function: Function, runtime: str) -> Mapping[str, Any]:
    """What differs from AWS between two invocations' worth of variables; nothing, that is."""
    seen = {name: value for name, value in function.value().items() if name not in OURS}
    return differences(runtime, seen, function.name)


@pytest.mark.parametrize("runtime", [runtime for runtime in PYTHONS if runtime in RECORDED])
def test_python(shared_server: Server, runtime: str) -> None:
    assert not unlike(create(shared_server, PYTHON, runtime=runtime, Environment=TEST_KEY), runtime)


def test_node_of_the_state_folder(server_with_installed: Server) -> None:
    function = create(server_with_installed, NODE, runtime="nodejs24.x", Environment=TEST_KEY)
    assert not unlike(function, "nodejs24.x")


def _own(family: str) -> list[str]:
    ids = {"nodejs": "nodejs{}.x"}[family]
    return [ids.format(version) for found, version in languages.find() if found == family]


@pytest.mark.parametrize("runtime", [runtime for runtime in _own("nodejs") if runtime in RECORDED])
def test_node_of_this_machine(shared_server: Server, runtime: str) -> None:
    assert not unlike(create(shared_server, NODE, runtime=runtime, Environment=TEST_KEY), runtime)


def test_java(server_with_installed: Server) -> None:
    code = classes(server_with_installed.state, {"index.java": JAVA})
    function = create(server_with_installed, code, runtime="java21", Handler="index::handler", Environment=TEST_KEY)
    # Its handler has to be another than everybody else's.
    assert unlike(function, "java21") == {"_HANDLER": ("index.handler", "index::handler")}
