"""`lamina fsck`: what the disk has changed is found and named, with whom it concerns; what can be mended is."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lamina.names import Digest
from tests.support.functions import archive, create
from tests.support.server import Server
from tests.support.zips import of

LAMINA = str(Path(sys.executable).with_name("lamina"))
LAYER = of({"python/layer_module.py": b"WORD = 'from the layer'\n"})
CODE = "import layer_module\ndef handler(event, context): return layer_module.WORD"
DIGEST = Digest.of(LAYER)


def _fsck(state: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [LAMINA, "fsck", "--state", str(state), "--json", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (0, 7), done.stderr
    return done.returncode, json.loads(done.stdout)


def _kinds(report: dict[str, Any]) -> list[str]:
    return [finding["kind"] for finding in report["findings"]]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state of a server that has stopped, on which a function has run with a layer, twice published."""
    with Server.started(tmp_path / "state") as server:
        client = server.client("lambda")
        arn = client.publish_layer_version(LayerName="l", Content={"ZipFile": LAYER})["LayerVersionArn"]
        function = create(server, CODE, name="f", Layers=[arn])
        assert function.value() == "from the layer"
        client.publish_version(FunctionName="f")
    return tmp_path / "state"


def _blob(state: Path) -> Path:
    return state / "blobs" / "sha256" / DIGEST.hex[:2] / DIGEST.hex[2:]


def _change_a_byte(path: Path) -> None:
    mode, times = path.stat().st_mode, path.stat()
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    path.chmod(mode)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _runs(state: Path) -> object:
    with Server.started(state) as server:
        answer = server.client("lambda").invoke(FunctionName="f")
        return json.loads(answer["Payload"].read())


def test_what_a_server_keeps_is_sound_while_it_runs_and_after(server: Server) -> None:
    create(server, CODE, Layers=[])
    code, report = _fsck(server.state)
    assert (code, report["findings"], report["sound"]) == (0, [], True)
    assert report["layer_and_function_versions"] == 1
    refused = subprocess.run(
        [LAMINA, "fsck", "--state", str(server.state), "--repair"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 4
    assert f"process {server.process.pid}" in refused.stderr


@pytest.mark.parametrize("damage", [_change_a_byte, Path.unlink])
def test_an_archive_that_is_damaged_or_gone_comes_back_from_a_copy(state: Path, tmp_path: Path, damage: Any) -> None:
    damage(_blob(state))
    code, report = _fsck(state)
    (finding,) = report["findings"]
    assert (code, finding["digest"]) == (7, DIGEST.hex)
    assert finding["kind"] == ("blob-damaged" if damage is _change_a_byte else "blob-missing")
    prefix = "arn:aws:lambda:us-east-1:000000000000"
    assert finding["concerns"] == [f"{prefix}:function:f:$LATEST", f"{prefix}:function:f:1", f"{prefix}:layer:l:1"]
    # Nobody else has the bytes.
    assert _fsck(state, "--repair")[0] == 7
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "other.zip").write_bytes(archive("def handler(event, context): pass"))
    (copies / "any name").write_bytes(LAYER)
    code, report = _fsck(state, "--repair", "--archives", str(copies))
    assert (code, report["findings"][0]["mended"]) == (0, f"taken from {copies / 'any name'}")
    assert _fsck(state)[1]["findings"] == []
    assert _runs(state) == "from the layer"


def test_a_tree_that_the_disk_has_changed_is_extracted_anew(state: Path) -> None:
    path = state / "trees" / "v1" / DIGEST.hex / "python" / "layer_module.py"
    _change_a_byte(path)
    code, report = _fsck(state)
    assert code == 7
    assert sorted(_kinds(report)) == ["pooled-file-damaged", "tree-damaged"]
    assert "python/layer_module.py has other bytes" in [finding["says"] for finding in report["findings"]]
    assert _fsck(state, "--repair")[0] == 0
    assert _fsck(state)[1]["findings"] == []
    assert _runs(state) == "from the layer"
    assert path.read_bytes() == b"WORD = 'from the layer'\n"


def test_leftovers_are_no_damage_and_go_when_asked(state: Path) -> None:
    left = Digest.of(b"left")
    blob = state / "blobs" / "sha256" / left.hex[:2] / left.hex[2:]
    blob.write_bytes(b"left")
    (state / "trees" / "v1" / left.hex).mkdir()
    code, report = _fsck(state)
    assert (code, sorted(_kinds(report)), report["sound"]) == (0, ["blob-unused", "tree-unused"], True)
    assert blob.exists()
    assert _fsck(state, "--repair")[0] == 0
    assert not blob.exists()
    assert _fsck(state)[1]["findings"] == []
    assert _runs(state) == "from the layer"


def test_totals_are_counted_again(state: Path) -> None:
    with sqlite3.connect(state / "catalog.db") as catalog:
        catalog.execute("UPDATE account_totals SET code_bytes = 1")
    code, report = _fsck(state)
    assert (code, _kinds(report)) == (7, ["totals"])
    assert _fsck(state, "--repair")[0] == 0
    assert _fsck(state)[1]["findings"] == []


def test_a_catalog_that_the_disk_has_changed_is_named(state: Path) -> None:
    with sqlite3.connect(state / "catalog.db") as catalog:
        catalog.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray((state / "catalog.db").read_bytes())
    data[4096 : 5 * 4096] = bytes(4 * 4096)
    (state / "catalog.db").write_bytes(data)
    code, report = _fsck(state)
    assert code == 7
    assert set(_kinds(report)) == {"catalog"}


def test_a_folder_without_a_state_is_said_to_be_none(tmp_path: Path) -> None:
    done = subprocess.run([LAMINA, "fsck", "--state", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no catalog.db" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_person_reads_what_is_wrong_and_what_to_do(state: Path) -> None:
    _blob(state).unlink()
    done = subprocess.run([LAMINA, "fsck", "--state", str(state)], capture_output=True, text=True, check=False)
    assert f"damaged  blob {DIGEST.hex}: it is not there" in done.stdout.replace("\n    ", " ")
    assert "concerns arn:aws:lambda:us-east-1:000000000000:layer:l:1" in done.stdout
    assert "lamina fsck --repair" in done.stdout
    assert "\x1b" not in done.stdout
