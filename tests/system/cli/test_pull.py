"""`lamina pull` as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.cli.failures import Failure
from tests.support import zips
from tests.support.command_line import Run
from tests.support.functions import unique
from tests.support.server import Server

pytestmark = pytest.mark.anybody


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_what_was_published_comes_back_byte_by_byte(run: Run, shared_server: Server) -> None:
    name, contents = unique("pulled"), [zips.of({"a": b"1"}), zips.of({"a": b"2"})]
    arns = [
        shared_server.client().publish_layer_version(LayerName=name, Content={"ZipFile": data})["LayerVersionArn"]
        for data in contents
    ]
    done = run("pull", arns[0], name, "--into", "layers/here", server=shared_server)
    assert (done.returncode, done.stdout) == (0, f"layers/here/{name}-1.zip\nlayers/here/{name}-2.zip\n")
    assert [(run.folder / path).read_bytes() for path in done.stdout.split()] == contents
    assert sorted(path.name for path in (run.folder / "layers/here").iterdir()) == [f"{name}-1.zip", f"{name}-2.zip"]
    assert f"fetched {arns[0]}: " in done.stderr
    again = run("pull", f"{name}:1", server=shared_server)
    assert (again.stdout, again.stderr) == (f"{name}-1.zip\n", ""), "nothing is fetched twice"


def test_what_cannot_be_pulled_is_explained(run: Run, shared_server: Server) -> None:
    arn = shared_server.client().publish_layer_version(
        LayerName=unique("pulled"), Content={"ZipFile": zips.of({"a": b""})}
    )["LayerVersionArn"]
    (run.folder / "file").touch()
    for arguments, said in [
        (["missing"], "there is no missing"),
        (["a b"], "no name of a layer"),
        ([arn, "--into", "file"], "file cannot be written"),
    ]:
        done = run("pull", *arguments, server=shared_server)
        assert (done.returncode, done.stdout) == (Failure.FAILED, "")
        assert said in done.stderr
        assert "Traceback" not in done.stderr
