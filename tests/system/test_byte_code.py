"""Byte-code laid over archives: whether it is used, what is seen of it, whose source it answers for, its life."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.support import zips
from tests.support.functions import Function, Inside, client_of, create, layer, unique, wait_until
from tests.support.runtimes import INSTALLED, NEWEST
from tests.support.server import Server
from tests.support.zips import Item, folder, link

SECONDS_MAX = 60
# Answers which of what it imported had to be compiled.
IMPORTS = b"""
import sys
compiled = []
sys.addaudithook(lambda name, arguments: compiled.append(str(arguments[1])) if name == "compile" else None)
import inner, mine
def handler(event, context):
    return [mine.origin, sorted(path for path in compiled if path.startswith(("/opt/", "/var/task/")))]
"""
CODE = {"index.py": IMPORTS, "inner.py": b"x = 1\n"}


def _origin(text: str) -> bytes:
    return f"origin = {text!r}\n".encode()


def _tag(runtime: str = NEWEST) -> str:
    return "cpython-" + runtime.removeprefix("python").replace(".", "")


def _hex(sha256: str) -> str:
    return base64.b64decode(sha256).hex()


def _digest(server: Server, arn: str) -> str:
    """Of a layer version's archive."""
    return _hex(client_of(server).get_layer_version_by_arn(Arn=arn)["Content"]["CodeSha256"])


def _place(server: Server, digest: str, runtime: str = NEWEST) -> Path:
    return server.state / "trees/v1/.bytecode" / digest / _tag(runtime)


def wait_compiled(server: Server, *digests: str, runtime: str = NEWEST) -> list[Path]:
    """Where the byte-code is, once all of it is there."""
    places = [_place(server, digest, runtime) for digest in digests]
    wait_until(lambda: all(place.is_dir() for place in places), SECONDS_MAX, f"byte-code of {digests}")
    return places


def wait_used(function: Function, runtime: str = NEWEST) -> None:
    """Returns when all its archives have byte-code and its next call begins a new environment."""
    told = function.client.get_function_configuration(FunctionName=function.name)
    layers = [_digest(function.server, each["Arn"]) for each in told.get("Layers", ())]
    wait_compiled(function.server, _hex(told["CodeSha256"]), *layers, runtime=runtime)
    function.update(Description=unique())


@pytest.mark.parametrize("runtime", INSTALLED)
def test_a_new_environment_compiles_nothing_but_its_handler(shared_server: Server, runtime: str) -> None:
    arn = layer(shared_server, {"python/mine.py": _origin("a layer")})
    function = create(shared_server, CODE, runtime=runtime, Layers=[arn])
    wait_used(function, runtime)
    assert function.value() == ["a layer", []]


@pytest.mark.parametrize(
    "variables", [{"PYTHONUNBUFFERED": "1"}, {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}], ids=["executed", "wrapped"]
)
def test_so_does_an_interpreter_of_its_own(shared_server: Server, variables: dict[str, str]) -> None:
    wrapper = Item("wrapper", b'#!/bin/sh\nexec "$@"\n', mode=stat.S_IFREG | 0o755)
    arn = layer(shared_server, zips.archive(wrapper, Item("python/mine.py", _origin("a layer"))))
    function = create(shared_server, CODE, Layers=[arn], Environment={"Variables": variables})
    wait_used(function)
    assert function.value() == ["a layer", []]


def test_a_layer_is_compiled_for_a_runtime_it_says_it_is_for(server: Server) -> None:
    content = {"ZipFile": zips.of({"python/mine.py": _origin("a layer")})}
    client = client_of(server)
    told = client.publish_layer_version(LayerName=unique(), Content=content, CompatibleRuntimes=[NEWEST, "nodejs22.x"])
    wait_compiled(server, _hex(told["Content"]["CodeSha256"]))


def test_all_that_is_seen_of_it_is_in_the_folders_for_it(shared_server: Server) -> None:
    content = zips.archive(
        folder("python/", 0o755),
        folder("python/pkg/", 0o711),
        Item("python/pkg/__init__.py"),
        Item("python/pkg/broken.py", b"this is (no Python\n"),
        Item("python/pkg/data.txt", b"data"),
        Item("python/tests/check.py", b"x = 1\n"),
        Item("bin/tool", b"#!/bin/sh\n"),
        link("python/alias.py", "pkg/__init__.py"),
    )
    inside = Inside.on(shared_server, Layers=[layer(shared_server, content)])

    def look() -> Any:
        import os

        found = {}
        for path, folders, files in os.walk("/opt"):
            seen = os.stat(path)
            names = sorted(name for name in folders + files if name != "__pycache__")
            found[path] = [names, seen.st_mode, seen.st_mtime_ns, seen.st_uid]
        return {path: value for path, value in found.items() if not path.endswith("__pycache__")}

    def beside() -> Any:
        import os

        caches = [folder for folder, _, _ in os.walk("/opt") if folder.endswith("__pycache__")]
        return {path: {name: os.path.getsize(path + "/" + name) > 0 for name in os.listdir(path)} for path in caches}

    before = inside.run(look)
    wait_used(inside.function)
    assert inside.run(look) == before
    tag = _tag()
    assert inside.run(beside) == {
        "/opt/python/__pycache__": {f"alias.{tag}.pyc": False},
        "/opt/python/pkg/__pycache__": {f"__init__.{tag}.pyc": True, f"broken.{tag}.pyc": False},
        "/opt/python/tests/__pycache__": {f"check.{tag}.pyc": False},
    }


def test_nobody_writes_it_but_the_platform(shared_server: Server) -> None:
    inside = Inside.on(shared_server, Layers=[layer(shared_server, {"python/mine.py": _origin("a layer")})])
    wait_used(inside.function)

    def write(path: str) -> None:
        with open(path, "wb") as file:
            file.write(b"mine now")

    for folder_, name in (("/opt/python", "mine"), ("/var/task", "index")):
        assert inside.refusal(write, f"{folder_}/__pycache__/{name}.{_tag()}.pyc") == "EROFS"
        assert inside.refusal(write, f"{folder_}/__pycache__/new") == "EROFS"


@pytest.mark.parametrize(
    "upper",
    [
        Item("python/mine.py", _origin("above")),
        link("python/mine.py", "real.py"),
        Item("python/mine/__init__.py", _origin("above")),
    ],
    ids=["file", "link", "folder"],
)
def test_byte_code_of_a_lower_layer_never_answers_for_an_upper_one(shared_server: Server, upper: Item) -> None:
    # Of the same time and length, as it would be if a build had changed one character.
    below = layer(shared_server, zips.archive(Item("python/mine.py", _origin("below"))))
    function = create(shared_server, CODE, Layers=[below])
    wait_used(function)
    assert function.value() == ["below", []]
    # At once, when there is no byte-code of the upper one yet, and when there is.
    above = layer(
        shared_server, zips.archive(upper, Item("python/real.py", _origin("above")), Item("x", os.urandom(8)))
    )
    function.update(Layers=[below, above])
    assert function.value()[0] == "above"
    wait_used(function)
    assert function.value()[0] == "above"
    function.update(Layers=[above, below])
    wait_used(function)
    assert function.value()[0] == ("above" if upper.raw_name.endswith(b"__init__.py") else "below")


def test_what_a_compiler_warns_of_is_in_the_log_of_every_cold_start(shared_server: Server) -> None:
    careless = b"origin = 'a layer'\nassert (origin, 'always true')\n"
    function = create(shared_server, CODE, Layers=[layer(shared_server, {"python/mine.py": careless})])
    wait_used(function)
    answer = function.call()
    assert answer.value == ["a layer", ["/opt/python/mine.py"]]
    assert "SyntaxWarning" in answer.log


def test_a_source_that_takes_all_memory_costs_nothing_but_its_own_byte_code(server: Server) -> None:
    greedy = zips.of({"python/aaa.py": b"a=1\n" * 6_000_000, "python/mine.py": _origin("a layer")})
    arn = layer(server, greedy)
    function = create(server, CODE, Layers=[arn])
    wait_used(function)
    assert function.value() == ["a layer", []]
    (place,) = wait_compiled(server, _digest(server, arn))
    assert (place / f"python/__pycache__/aaa.{_tag()}.pyc").stat().st_size == 0


def test_a_version_that_differs_in_one_file_adds_the_byte_code_of_that(server: Server) -> None:
    files = {f"python/pkg/m{number}.py": _origin(f"module {number}") * 20 for number in range(30)}
    name, client = unique(), client_of(server)
    places = []
    for changed in ("old", "new"):
        content = {"ZipFile": zips.of({**files, "python/pkg/m7.py": _origin(changed)})}
        told = client.publish_layer_version(LayerName=name, Content=content, CompatibleRuntimes=[NEWEST])
        places += wait_compiled(server, _hex(told["Content"]["CodeSha256"]))
    first, second = ({path.name: path.stat().st_ino for path in place.rglob("*.pyc")} for place in places)
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == [f"m7.{_tag()}.pyc"]


def test_it_survives_the_server_and_goes_with_the_archive(tmp_path: Path) -> None:
    server = Server.start(tmp_path / "state")
    arn = layer(server, {"python/mine.py": _origin("a layer")})
    function = create(server, CODE, Layers=[arn])
    wait_used(function)
    digest = _digest(server, arn)
    server.kill()
    with Server.started(server.state) as second:
        function = function.on(second)
        assert function.value() == ["a layer", []]
        client = client_of(second)
        client.delete_layer_version(LayerName=arn.split(":")[6], VersionNumber=1)
        assert _place(second, digest).is_dir()
        client.delete_function(FunctionName=function.name)
        wait_until(lambda: os.listdir(second.state / "trees/v1/.bytecode") == [".incoming"])


def test_a_server_killed_while_it_compiles_leaves_nothing_and_the_next_one_does_it(tmp_path: Path) -> None:
    server = Server.start(tmp_path / "state")
    files = {f"python/pkg/m{number}.py": _origin(f"module {number}") * 100 for number in range(800)}
    arn = layer(server, {**files, "python/mine.py": _origin("a layer")})
    digest = _digest(server, arn)
    function = create(server, CODE, Layers=[arn])
    incoming = server.state / "trees/v1/.bytecode/.incoming"
    wait_until(lambda: any(len(os.listdir(each)) for each in incoming.iterdir()), SECONDS_MAX, every=0.001)
    server.kill()
    half_done = not _place(server, digest).is_dir()
    with Server.started(server.state) as second:
        assert os.listdir(incoming) == []
        function = function.on(second)
        assert function.value()[0] == "a layer"
        wait_used(function)
        assert function.value() == ["a layer", []]
        assert len(list(_place(second, digest).rglob("*.pyc"))) == len(files) + 1
    assert half_done, "killed too late to show anything"
