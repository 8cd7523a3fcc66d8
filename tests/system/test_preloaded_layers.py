"""Layers whose modules a template has imported: what a function notices of it, which is to be nothing but the time."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.functions import Function, create, layer, wait_until
from tests.support.runtimes import INSTALLED, NEWEST
from tests.support.server import Server

pytestmark = pytest.mark.skipif(
    int(NEWEST.partition(".")[2]) < 9, reason=f"no Python that can be preloaded is to be seen here: {INSTALLED}"
)

MODULES = "shared, changing, failing, reading, threaded, never_there"
LAYER = {
    "python/shared.py": b"""
import secrets
try:
    import optional_helper
except ImportError:
    optional_helper = None
token = secrets.token_hex()
""",
    "python/shared_data.txt": b"data",
}
CODE = """
    import sys
    early = "shared" in sys.modules
    import shared
    import os, random, resource, ssl, tempfile

    def handler(event, context):
        return globals()[event["do"]](*event.get("with", []))

    def look():
        status = dict(line.strip().split(":", 1) for line in open("/proc/self/status"))
        return {
            "early": early,
            "token": shared.token,
            "helper": shared.optional_helper and shared.optional_helper.where,
            "drawn": [random.random(), ssl.RAND_bytes(8).hex(), tempfile.mktemp()],
            "own": [os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_LAMBDA_LOG_STREAM_NAME")],
            "same": {
                "variables": {name: value for name, value in os.environ.items() if not varies(name)},
                "names": sorted(os.environ),
                "path": sys.path,
                "arguments": [sys.argv, sys.orig_argv] if hasattr(sys, "orig_argv") else sys.argv,
                "main": sys.modules["__main__"].__file__,
                "ours": [name for name in sys.modules if name.startswith("lamina")],
                "folder": os.getcwd(),
                "tmp": os.listdir("/tmp"),
                "opt": os.listdir("/opt/python"),
                "descriptors": sorted(os.listdir("/proc/self/fd")),
                "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
                "limits": [resource.getrlimit(number) for number in range(16)],
                "mounted": sorted({at for at in mounted() if not at.startswith("/.lamina")}),
                "rights": [status[name] for name in ("CapPrm", "CapEff", "CapInh", "CapBnd", "NoNewPrivs", "Seccomp")],
                "users": [os.getuid() == os.geteuid(), os.getgroups()],
            },
        }

    def mounted():
        return [line.split()[4] for line in open("/proc/self/mountinfo")]

    def varies(name):
        return name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION", "AWS_LAMBDA_LOG_STREAM", "_X_AMZN"))

    def leave():
        os._exit(3)

    def fill():
        return len(b"x" * (1 << 30))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Every call starts an environment, and what it needs of its layers is imported ahead."""
    environ = {"LAMINA_PRELOAD": MODULES, "LAMBDA_KEEPALIVE_MS": "0", "LAMINA_LOG_LEVEL": "info"}
    with Server.started(tmp_path_factory.mktemp("preloading") / "state", environ) as started:
        yield started


@pytest.fixture(scope="module")
def shared(server: Server) -> str:
    return layer(server, LAYER)


def look(function: Function) -> dict[str, Any]:
    found: dict[str, Any] = function.value({"do": "look"})
    return found


def preloaded(function: Function) -> dict[str, Any]:
    """What it sees in an environment that begins from a template, once there is one."""
    return wait_until(lambda: (found := look(function))["early"] and found, 30, every=0.1)


def test_an_environment_is_what_it_would_be_and_begins_with_the_modules_imported(server: Server, shared: str) -> None:
    function = create(server, CODE, Layers=[shared])
    first = look(function)
    assert not first["early"], "the first is not to wait for a template"
    one, other = preloaded(function), preloaded(function)
    assert one["token"] == other["token"] != first["token"]
    assert one["same"] == other["same"] == first["same"]
    for each in ("drawn", "own"):
        for ours, theirs in zip(one[each], other[each], strict=True):
            assert ours != theirs


def test_functions_with_the_same_layers_share_a_template_and_nothing_else(server: Server, shared: str) -> None:
    known = preloaded(create(server, CODE, Layers=[shared]))
    function = create(server, CODE, Layers=[shared], MemorySize=128, EphemeralStorage={"Size": 600})
    found = look(function)
    assert found["early"]
    assert found["token"] == known["token"]
    assert found["same"]["variables"]["AWS_LAMBDA_FUNCTION_NAME"] == function.name
    assert found["same"]["variables"]["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"


@pytest.mark.parametrize(
    ("files", "variables"),
    [
        ({"shared.py": b"token = 'of the code'\noptional_helper = None\n"}, {}),
        ({"optional_helper.py": b"where = 'code'\n"}, {}),
        ({"more.pth": b"/tmp\n"}, {}),
        ({}, {"OMP_NUM_THREADS": "1"}),
    ],
    ids=["a module of the same name", "a module that was looked for", "a path file", "a variable of libraries"],
)
def test_what_an_import_could_have_seen_is_seen(
    server: Server, shared: str, files: dict[str, bytes], variables: dict[str, str]
) -> None:
    preloaded(create(server, CODE, Layers=[shared]))
    code = {"index.py": textwrap.dedent(CODE).encode(), **files}
    function = create(server, code, Layers=[shared], Environment={"Variables": variables})
    for _ in range(2):
        found = look(function)
        assert not found["early"]
        assert found["token"] == "of the code" or "shared.py" not in files
        assert found["helper"] == ("code" if "optional_helper.py" in files else None)


def test_what_an_import_changes_of_variables_and_of_tmp_is_there(server: Server) -> None:
    changing = b"""
import os, tempfile
os.environ["SET_BY_LAYER"] = "yes"
os.environ.pop("TZ")
with open("/tmp/left", "w") as file:
    file.write("by the layer")
"""
    code = """
        import sys
        early = "changing" in sys.modules
        import changing, os
        def handler(event, context):
            return [early, os.environ["SET_BY_LAYER"], "TZ" in os.environ, open("/tmp/left").read(), os.listdir("/tmp")]
    """
    function = create(server, code, Layers=[layer(server, {"python/changing.py": changing})])
    ordinary = function.value()
    assert ordinary == [False, "yes", False, "by the layer", ["left"]]
    assert wait_until(lambda: (found := function.value())[0] and found, 30, every=0.1) == [True, *ordinary[1:]]


@pytest.mark.parametrize(
    ("module", "source", "why"),
    [
        ("failing", b"raise RuntimeError('not today')\n", "the import of failing fails: RuntimeError: not today"),
        ("failing", b"import os\nos._exit(7)\n", "exit status 7"),
        (
            "threaded",
            b"import threading, time\nthreading.Thread(target=time.sleep, args=(3600,), daemon=True).start()\n",
            "threads run after initialisation",
        ),
        ("threaded", b"import socket\nheld = socket.socket()\n", "open after the import: socket:"),
        ("threaded", b"import subprocess\nheld = subprocess.Popen(['sleep', '3600'])\n", "a process is started"),
        ("reading", b"import os\nseen = dict(os.environ)\n", "all environment variables are read"),
        ("reading", b"import os\nseen = os.environ.get('AWS_LAMBDA_FUNCTION_NAME')\n", "read AWS_LAMBDA_FUNCTION_NAME"),
    ],
)
def test_a_module_that_cannot_be_preloaded_is_imported_as_always(
    server: Server, module: str, source: bytes, why: str
) -> None:
    code = f"""
        import sys
        early = {module!r} in sys.modules
        def handler(event, context):
            return early
    """
    function = create(server, code, Layers=[layer(server, {f"python/{module}.py": source})])
    before = server.said()
    assert function.value() is False
    wait_until(lambda: function.value() or why in server.said()[len(before) :], 30, every=0.1)
    assert function.value() is False
    assert server.said()[len(before) :].count(why) == 1


def test_an_environment_that_fails_is_followed_by_a_new_one(server: Server, shared: str) -> None:
    function = create(server, CODE, Layers=[shared], MemorySize=128)
    preloaded(function)
    crashed = function.call({"do": "leave"})
    assert crashed.value["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in crashed.value["errorMessage"]
    assert function.call({"do": "fill"}).value["errorType"] in (
        "Runtime.ExitError",
        "MemoryError",
        "Runtime.OutOfMemory",
    )
    assert look(function)["early"]
