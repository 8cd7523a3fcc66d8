"""`lamina diff` and `lamina tree` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lamina.cli.failures import Failure
from tests.support import zips
from tests.support.command_line import Run
from tests.support.functions import create, unique
from tests.support.server import Server
from tests.unit.workshop.bad_layers import one, package

pytestmark = pytest.mark.anybody


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


OLD = one(package("yaml", "5.1", content=b"5"), {"python/own.py": b"a = 1\n"})[0]
NEW = one(package("yaml", "6.0", content=b"six"), {"python/own.py": b"a = 2\n", "python/\033[2Jx": b""})[0]


def test_packages_come_first_then_what_they_do_not_explain(run: Run) -> None:
    done = run("diff", run.write("old.zip", OLD), run.write("new.zip", NEW), "--text", "*.py", "--exit-code")
    assert (done.returncode, done.stderr) == (Failure.DIFFERENT, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("~ yaml  5.1 → 6.0  +")
    assert lines[1:3] == ["+ python/\\x1b[2Jx  0 bytes", "~ python/own.py  same size, other content"]
    assert [line for line in lines if line.startswith(("-a", "+a"))] == ["-a = 1", "+a = 2"]
    assert lines[-1].startswith("1 package, ")
    assert "--files lists them" in lines[-1]
    listed = run("diff", "old.zip", "new.zip", "--files").stdout
    assert "\n- python/yaml-5.1.dist-info/METADATA" in listed


def test_nothing_differs_between_a_folder_and_its_archive(run: Run) -> None:
    folder = run.folder / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    (folder / "a.txt").chmod(0o644)
    run.write("a.zip", zips.of({"a.txt": b"a"}))
    done = run("diff", "folder", "a.zip", "--exit-code")
    assert (done.returncode, done.stdout) == (0, "ok  nothing differs: 1 entries, 1 bytes unzipped\n")


def test_versions_of_a_published_layer_are_compared(run: Run, shared_server: Server) -> None:
    name = unique("diffed")
    for data in (OLD, NEW):
        shared_server.client().publish_layer_version(
            LayerName=name, Content={"ZipFile": data}, CompatibleRuntimes=["python3.12"]
        )
    done = run("diff", f"{name}:1", name, "--json", server=shared_server)
    said = json.loads(done.stdout)
    (changed,) = said["packages"]
    assert (changed["name"], changed["before"], changed["after"]) == ("yaml", ["5.1"], ["6.0"])
    assert {change["path"] for change in said["files"]} >= {"python/own.py", "python/yaml/__init__.py"}
    assert said["attributes"] == {}


def test_a_tree_shows_packages_and_who_wins(run: Run) -> None:
    run.write("base.zip", OLD)
    run.write("mine.zip", one({"python/own.py": b"a = 3\n", "bin/tool": b"#!/bin/sh\n"})[0])
    done = run("tree", "base.zip", "mine.zip")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.lstrip("│├└─ ") for line in done.stdout.splitlines()]
    assert lines[0].startswith("/opt/  ")
    assert "own.py  6 bytes  mine.zip  hides that of base.zip" in lines
    assert any(line.startswith("yaml/  5.1  1 bytes, 1 file  base.zip") for line in lines)
    assert not any(line.startswith("__init__.py") for line in lines), "a package is one line"
    assert "__init__.py" in run("tree", "base.zip", "--files").stdout
    assert len(run("tree", "base.zip", "--depth", "1").stdout.splitlines()) == 2
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_a_functions_tree_is_of_its_own_layers(run: Run, shared_server: Server) -> None:
    arn = shared_server.client().publish_layer_version(LayerName=unique("own"), Content={"ZipFile": OLD})
    function = create(shared_server, "def handler(event, context): return 1\n", Layers=[arn["LayerVersionArn"]])
    said = json.loads(run("tree", "--function", function.name, "--json", server=shared_server).stdout)
    assert [branch["name"] for branch in said] == ["/opt", "/var/task"]
    assert said[0]["sources"] == [arn["LayerVersionArn"]]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["tree"], Failure.USAGE, "there is nothing to show"),
        (["tree", "missing.zip"], Failure.FAILED, "there is no missing.zip"),
        (["diff", "missing.zip", "other.zip"], Failure.FAILED, "there is no missing.zip"),
        (["diff", "missing"], Failure.USAGE, "Missing argument 'B'"),
    ],
)
def test_what_cannot_be_shown_is_explained(run: Run, arguments: list[str], code: int, said: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
