"""`lamina mirror`: a layer of another account and another server, by its real ARN."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import zips
from tests.support.functions import create, unique
from tests.support.server import Server

pytestmark = pytest.mark.anybody

THEIRS = "210987654321"
CODE = """
import importlib
def handler(event, context):
    return importlib.import_module(event).WORD
"""


def _mirror(server: Server, *arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    environ = {
        **os.environ,
        # Where a tool would look that is told nothing: not where layers are mirrored from.
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": THEIRS,
        "AWS_SECRET_ACCESS_KEY": "x",
        "XDG_CACHE_HOME": str(cache),
    }
    command = [sys.executable, "-m", "lamina", "mirror", *arguments, "--state", str(server.state)]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)


def _layer(word: str) -> bytes:
    return zips.of({"python/theirs.py": f"WORD = {word!r}".encode()})


def test_a_layer_of_a_second_server_is_attached_by_its_arn_when_that_server_has_gone_and_this_one_was_killed(
    tmp_path: Path,
) -> None:
    server = Server.start(tmp_path / "state")
    try:
        arns, far, original = _mirrored(server, tmp_path)
    finally:
        server.kill()
    with Server.started(server.state) as again:
        mirrored = again.client().get_layer_version_by_arn(Arn=arns[1])
        for answer in (original, mirrored):
            del answer["ResponseMetadata"], answer["Content"]["Location"]
        assert mirrored == original
        for arn, word in zip(arns, ("version 1", "version 3"), strict=True):
            assert create(again, CODE, Layers=[arn]).value("theirs") == word
        assert again.client(region="eu-central-1").get_layer_version_by_arn(Arn=far)["LayerVersionArn"] == far
        done = _mirror(again, arns[0], "--endpoint", server.endpoint, cache=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert "A zip of it will do, and takes no credentials: --from FILE" in done.stderr


def _mirrored(server: Server, tmp_path: Path) -> tuple[list[str], str, dict[str, Any]]:
    """Versions 1 and 3 of a layer of a second server and one of another region, now in *server*; the second has gone.

    The last is what the second answered about version 3.
    """
    arns = []
    with Server.started(tmp_path / "second") as second:
        theirs = second.client(account=THEIRS)
        for number in (1, 2, 3):
            published = theirs.publish_layer_version(
                LayerName="tools",
                Content={"ZipFile": _layer(f"version {number}")},
                Description="of another team",
                CompatibleRuntimes=["python3.12"],
            )
            arns.append(published["LayerVersionArn"])
        theirs.delete_layer_version(LayerName="tools", VersionNumber=2)
        wanted = (arns[0], arns[2])
        done = _mirror(server, *wanted, "--endpoint", second.endpoint, cache=tmp_path)
        assert (done.returncode, done.stdout.splitlines()) == (0, [f"{arn} is mirrored" for arn in wanted]), done.stderr
        done = _mirror(server, arns[1], "--endpoint", second.endpoint, cache=tmp_path)
        assert done.returncode == 1
        assert f"there is no {arns[1]}" in done.stderr
        original = theirs.get_layer_version_by_arn(Arn=arns[2])
        elsewhere = second.client(account=THEIRS, region="eu-central-1")
        far = elsewhere.publish_layer_version(LayerName="far", Content={"ZipFile": _layer("far")})["LayerVersionArn"]
        assert _mirror(server, far, "--endpoint", second.endpoint, cache=tmp_path).returncode == 0
    return list(wanted), far, original


def test_a_zip_is_mirrored_and_only_ever_that_zip(shared_server: Server, tmp_path: Path) -> None:
    arn = f"arn:aws:lambda:us-east-1:{THEIRS}:layer:{unique('zip')}:41"
    (tmp_path / "one.zip").write_bytes(_layer("zip"))
    (tmp_path / "other.zip").write_bytes(_layer("another"))
    (tmp_path / "none.zip").write_bytes(b"PK")
    with (tmp_path / "large.zip").open("wb") as file:
        file.truncate(10 << 30)
    told = []
    for name in ("one", "one", "other", "none", "large", "missing"):
        done = _mirror(shared_server, arn, "--from", str(tmp_path / f"{name}.zip"), cache=tmp_path)
        told.append((done.returncode, done.stdout.strip() or done.stderr.strip()))
    assert told[:2] == [(0, f"{arn} is mirrored"), (0, f"{arn} is here already")]
    assert [code for code, _ in told[2:]] == [1, 1, 1, 2]
    assert f"{arn} is here already and is another archive" in told[2][1]
    assert "smaller than 262144000 bytes" in told[4][1]
    assert "there is no file" in told[5][1]
    assert create(shared_server, CODE, Layers=[arn]).value("theirs") == "zip"


def test_what_is_no_arn_of_a_version_and_a_server_that_is_not_there_are_said(
    shared_server: Server, tmp_path: Path
) -> None:
    for text in (
        "tools",
        "arn:aws:lambda:us-east-1:210987654321:layer:tools",
        "arn:aws:lambda:::awslayer:AmazonLinux1",
    ):
        done = _mirror(shared_server, text, cache=tmp_path)
        assert (done.returncode, "is not the ARN of a layer version" in done.stderr) == (2, True)
    arn = f"arn:aws:lambda:us-east-1:{THEIRS}:layer:tools:41"
    done = _mirror(shared_server, arn, arn, "--from", "x.zip", cache=tmp_path)
    assert (done.returncode, "one archive is one layer" in done.stderr) == (2, True)
    command = [sys.executable, "-m", "lamina", "mirror", arn, "--state", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "lamina up" in done.stderr) == (1, True)
