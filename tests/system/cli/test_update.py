"""`lamina update` as a person types it, with callers who never stop."""

from __future__ import annotations

import hashlib
import io
import json
import random
import subprocess
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lamina.layers.sizes import UPLOADED_BYTES_MAX
from tests.support import zips
from tests.support.command_line import Run
from tests.support.functions import Function, client_of, create, layer, unique, wait_until
from tests.support.server import Server

pytestmark = pytest.mark.anybody

CODE = "import shared\ndef handler(event, context):\n    return [{0}, shared.VALUE]\n"


class Shop:
    """A function whose code and layer have a number each, and an alias of it."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder, self.layer_name = server, folder, unique("shared")
        self.client: Any = client_of(server)
        self.run_command = Run(folder)
        self.layers = [self._layer(0), self._layer(1)]
        self.function: Function = create(server, CODE.format(0), Layers=[self.layers[0]])
        wait_until(lambda: self.function.settled)
        self.client.publish_version(FunctionName=self.name)
        self.client.create_alias(FunctionName=self.name, Name="live", FunctionVersion="1")

    @property
    def name(self) -> str:
        return self.function.name

    def _layer(self, number: int) -> str:
        return layer(self.server, {"python/shared.py": f"VALUE = {number}\n".encode()}, self.layer_name)

    def code(self, number: int) -> str:
        return self.run_command.write(f"{number}.zip", zips.of({"index.py": CODE.format(number).encode()}))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run_command("update", self.name, *arguments, server=self.server)

    def update(self, *arguments: str) -> dict[str, Any]:
        done = self.run("--json", *arguments)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def configuration(self) -> tuple[str, list[str]]:
        told = self.client.get_function_configuration(FunctionName=self.name)
        return told["CodeSha256"], [each["Arn"] for each in told.get("Layers", ())]

    def call(self, alias: str = "live") -> Any:
        answer = self.client.invoke(FunctionName=self.name, Qualifier=alias)
        return json.loads(answer["Payload"].read())

    def leads_to(self) -> str:
        return str(self.client.get_alias(FunctionName=self.name, Name="live")["FunctionVersion"])


@pytest.fixture
def shop(shared_server: Server, tmp_path: Path) -> Shop:
    return Shop(shared_server, tmp_path)


def test_callers_of_the_alias_never_see_it_half_done(shop: Shop) -> None:
    seen: set[tuple[int, ...] | str] = set()
    over = threading.Event()

    def hammer() -> None:
        while not over.is_set():
            value = shop.call()
            seen.add(tuple(value) if isinstance(value, list) else str(value))

    caller = threading.Thread(target=hammer)
    caller.start()
    try:
        for number in (1, 0):
            told = shop.update("--code", shop.code(number), "--layers", shop.layers[number], "--alias", "live")
            wait_until(lambda number=number: (number, number) in seen)  # type: ignore[misc]  # bound now
            assert shop.leads_to() == told["version"]
    finally:
        over.set()
        caller.join()
    assert seen == {(0, 0), (1, 1)}


def test_the_same_again_changes_nothing(shop: Shop) -> None:
    change = ("--code", shop.code(1), "--layers", f"{shop.layer_name}:2", "--alias", "live")
    first = shop.update(*change)
    assert (first["changed"], first["version"]) == (True, "2")
    revision = shop.client.get_function_configuration(FunctionName=shop.name)["RevisionId"]
    second = shop.update(*change)
    assert second == {**first, "changed": False}
    assert shop.client.get_function_configuration(FunctionName=shop.name)["RevisionId"] == revision


def test_layers_are_named_in_three_ways_and_keep_their_order(shop: Shop) -> None:
    other = layer(shop.server, {"python/other.py": b""}, unique("other"))
    third = layer(shop.server, {"python/third.py": b""}, unique("third"))
    told = shop.update("-l", f"{other},{shop.layer_name}", "-l", f"{third.removesuffix(':1').rpartition(':')[2]}:1")
    assert told["layers"] == [other, shop.layers[1], third]
    assert shop.update("--no-layers")["layers"] == []
    assert shop.leads_to() == "1"


def test_a_layers_version_that_is_not_there_is_named(shop: Shop) -> None:
    done = shop.run("--layers", f"{shop.layer_name}:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"there is no version 9 of the layer {shop.layer_name}" in done.stderr


def test_an_alias_that_is_not_there_is_made(shop: Shop) -> None:
    code = shop.folder / "code"
    for name in ("index.py", ".git/config"):
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text(CODE.format(1))
    done = shop.run("--code", "code", "--layers", shop.layer_name, "--alias", "next")
    assert done.stdout == f"{shop.name} is updated, version 2, to which next leads\n", done.stderr
    told = shop.client.get_alias(FunctionName=shop.name, Name="next")
    assert told["FunctionVersion"] == "2"
    assert shop.call("next") == [1, 1]


def test_an_alias_of_latest_is_refused_before_anything_changes(shop: Shop) -> None:
    shop.client.update_alias(FunctionName=shop.name, Name="live", FunctionVersion="$LATEST")
    before = shop.configuration()
    done = shop.run("--code", shop.code(1), "--layers", shop.layer_name, "--alias", "live")
    assert done.returncode == 1
    assert "leads to $LATEST, where a caller would see the change half done" in done.stderr
    assert shop.configuration() == before


def test_code_that_is_refused_leaves_everything_as_it_was(shop: Shop) -> None:
    before = shop.configuration()
    done = shop.run("--code", shop.run_command.write("text.zip", b"no archive"), "--layers", shop.layer_name)
    assert (done.returncode, done.stdout) == (1, "")
    assert shop.configuration() == before


def test_code_that_is_too_large_goes_by_a_bucket(shop: Shop, tmp_path: Path) -> None:
    """The server takes more from S3 than in a request, as AWS does."""
    large = io.BytesIO()
    with zipfile.ZipFile(large, "w") as archive:
        archive.writestr("index.py", CODE.format(7))
        archive.writestr("ballast", random.Random(7).randbytes(UPLOADED_BYTES_MAX))
    (tmp_path / "large.zip").write_bytes(large.getvalue())
    refused = shop.run("--code", str(tmp_path / "large.zip"))
    assert (refused.returncode, "--bucket NAME" in refused.stderr) == (1, True), refused.stderr
    s3, bucket = shop.server.client("s3"), unique("code")
    s3.create_bucket(Bucket=bucket)
    updated = shop.update("--code", str(tmp_path / "large.zip"), "--bucket", bucket)
    assert updated["changed"]
    assert shop.function.call({}).value == [7, 0]
    (stored,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    sha256 = hashlib.sha256(large.getvalue()).hexdigest()
    assert stored["Key"] == f"lamina/{shop.name}/{sha256}.zip"
    s3.delete_object(Bucket=bucket, Key=stored["Key"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "there is nothing to update"),
        (("--layers", "a", "--no-layers"), "contradict"),
        (("--code", "missing.zip"), "missing.zip cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused(shared_server: Server, tmp_path: Path, arguments: Any, said: str) -> None:
    done = Run(tmp_path)("update", "nothing", *arguments, server=shared_server)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
