"""`lamina backup` of a server that goes on, and `lamina restore`: what was acknowledged before is there, and runs."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.functions import create, wait_until
from tests.support.server import Server
from tests.support.zips import of

LAMINA = str(Path(sys.executable).with_name("lamina"))
CODE = "import layer_module\ndef handler(event, context): print('said so'); return layer_module.WORD"


def _lamina(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LAMINA, *arguments], capture_output=True, text=True, check=False, timeout=60)


def _copied(*arguments: str) -> dict[str, Any]:
    done = _lamina(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _layer(server: Server, word: str) -> str:
    archive = of({"python/layer_module.py": f"WORD = {word!r}\n".encode()})
    answer = server.client("lambda").publish_layer_version(LayerName="l", Content={"ZipFile": archive})
    return str(answer["LayerVersionArn"])


def _result(server: Server) -> object:
    return json.loads(server.client("lambda").invoke(FunctionName="f")["Payload"].read())


def _messages(server: Server) -> list[str]:
    answer = server.client("logs").filter_log_events(logGroupName="/aws/lambda/f")
    return [event["message"] for event in answer["events"]]


def test_a_running_servers_layers_functions_and_logs_come_back_elsewhere(server: Server, tmp_path: Path) -> None:
    create(server, CODE, name="f", Layers=[_layer(server, "first")])
    assert _result(server) == "first"
    wait_until(lambda: "said so\n" in _messages(server))
    copied = _copied("backup", str(tmp_path / "backup"), "--state", str(server.state))
    assert (copied["archives"], copied["new_archives"]) == (2, 2)
    # What comes after is not in it.
    _layer(server, "second")
    state = tmp_path / "restored"
    assert _copied("restore", str(tmp_path / "backup"), "--state", str(state))["archives"] == 2
    assert _lamina("fsck", "--state", str(state)).returncode == 0
    with Server.started(state) as other:
        assert _result(other) == "first"
        assert "said so\n" in _messages(other)
        assert len(other.client("lambda").list_layer_versions(LayerName="l")["LayerVersions"]) == 1
    assert _result(server) == "first"


def test_a_backup_taken_again_copies_what_is_new_and_lets_go_of_what_is_gone(server: Server, tmp_path: Path) -> None:
    into = str(tmp_path / "backup")
    _layer(server, "first")
    _layer(server, "second")
    assert _copied("backup", into, "--state", str(server.state))["new_archives"] == 2
    server.client("lambda").delete_layer_version(LayerName="l", VersionNumber=1)
    _layer(server, "third")
    copied = _copied("backup", into, "--state", str(server.state))
    assert (copied["archives"], copied["new_archives"]) == (2, 1)
    assert _lamina("fsck", "--state", into).returncode == 0
    assert "0 bytes" in _lamina("backup", into, "--state", str(server.state)).stdout


def test_a_backup_is_whole_however_much_happens_meanwhile(server: Server, tmp_path: Path) -> None:
    client = server.client("lambda")
    stop = threading.Event()

    def publish_and_delete() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            _layer(server, f"version {number}")
            if number > 3:
                client.delete_layer_version(LayerName="l", VersionNumber=number - 3)

    thread = threading.Thread(target=publish_and_delete)
    thread.start()
    try:
        for number in range(4):
            into = tmp_path / f"backup {number}"
            _copied("backup", str(into), "--state", str(server.state))
            assert _lamina("fsck", "--state", str(into)).returncode == 0
    finally:
        stop.set()
        thread.join()


def test_a_damaged_archive_is_never_copied_for_a_sound_one(server: Server, tmp_path: Path) -> None:
    _layer(server, "first")
    (blob,) = (path for path in (server.state / "blobs" / "sha256").rglob("*") if path.is_file())
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    done = _lamina("backup", str(tmp_path / "backup"), "--state", str(server.state))
    assert done.returncode == 1
    assert "missing or damaged" in done.stderr
    assert not (tmp_path / "backup" / "catalog.db").exists(), "half of it is no backup"


@pytest.mark.parametrize("arguments", [["backup", "{folder}"], ["restore", "{state}", "--state", "{state}"]])
def test_nothing_is_ever_overwritten(server: Server, tmp_path: Path, arguments: list[str]) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "file").write_text("mine")
    places = {"folder": str(folder), "state": str(server.state)}
    command = [argument.format(**places) for argument in arguments]
    done = _lamina(*command, *([] if "--state" in command else ["--state", str(server.state)]))
    assert done.returncode == 1
    assert (folder / "file").read_text() == "mine"
    assert [path.name for path in folder.iterdir()] == ["file"]


def test_who_may_call_is_in_it_and_what_is_restored_lets_nobody_else_in(tmp_path: Path) -> None:
    state, copy, restored = (str(tmp_path / name) for name in ("state", "backup", "restored"))
    with Server.started(tmp_path / "state"):
        pass
    assert _lamina("account", "add", "111122223333", "--state", state).returncode == 0
    key = tmp_path / "state" / "sessions-v1.key"
    key.write_bytes(b"k" * 32)
    _copied("backup", copy, "--state", state)
    _copied("restore", copy, "--state", restored)
    for name in ("accounts.json", "sessions-v1.key"):
        kept = tmp_path / "restored" / name
        assert kept.read_bytes() == (tmp_path / "state" / name).read_bytes()
        assert kept.stat().st_mode & 0o777 == 0o600
    # Who was taken away since is not in the next one; and nobody's accounts are replaced.
    (tmp_path / "state" / "accounts.json").unlink()
    _copied("backup", copy, "--state", state)
    assert not (tmp_path / "backup" / "accounts.json").exists()
    (tmp_path / "restored" / "catalog.db").unlink()
    refused = _lamina("restore", copy, "--state", restored)
    assert refused.returncode != 0
    assert "has accounts already, in accounts.json" in refused.stderr


def test_no_state_and_a_folder_in_use_are_said_to_be_so(server: Server, tmp_path: Path) -> None:
    assert "no state folder" in _lamina("backup", str(tmp_path / "into"), "--state", str(tmp_path)).stderr
    with Server.started(tmp_path / "running") as other:
        done = _lamina("backup", str(other.state), "--state", str(server.state))
    assert done.returncode == 4


def test_what_the_services_beside_lambda_keep_is_in_it(server: Server, tmp_path: Path) -> None:
    """Bodies in files of their own and in lines of the journal; not what happens after it."""
    s3 = server.client("s3")
    s3.create_bucket(Bucket="kept")
    bodies = {"large": b"x" * 100_000, "small": b"content"}
    for key, body in bodies.items():
        s3.put_object(Bucket="kept", Key=key, Body=body)
    _copied("backup", str(tmp_path / "backup"), "--state", str(server.state))
    s3.delete_object(Bucket="kept", Key="large")
    _copied("restore", str(tmp_path / "backup"), "--state", str(tmp_path / "restored"))
    with Server.started(tmp_path / "restored") as other:
        s3 = other.client("s3")
        assert {key: s3.get_object(Bucket="kept", Key=key)["Body"].read() for key in bodies} == bodies
