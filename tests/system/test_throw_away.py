"""A server that lives as long as one command, in a thread of it."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from lamina import unix_sockets
from lamina.settings import Settings
from lamina.throw_away import ThrowAway, throw_away
from tests.support import zips
from tests.support.runtimes import NEWEST
from tests.support.server import ROLE

SOURCE = """
import os, time
print("imported")
def handler(event, context):
    os.write(1, b"handled\\n")
    return event
"""


@pytest.fixture(autouse=True)
def _temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def settings(state: Path) -> Settings:
    return Settings.read({}, {"state_dir": str(state)}, root=os.geteuid() == 0)


def ask(server: ThrowAway, path: str, body: Any) -> Any:
    connection = http.client.HTTPConnection("localhost")
    with socket.socket(socket.AF_UNIX) as connection.sock:
        with unix_sockets.address(server.address) as address:
            connection.sock.connect(address)
        connection.request("POST", path, json.dumps(body))
        answer = connection.getresponse()
        assert answer.status < 300, answer.read()
        return json.load(answer)


def test_it_runs_a_function_tells_what_was_said_and_leaves_nothing(tmp_path: Path) -> None:
    heard: list[str] = []
    with throw_away(settings(tmp_path / "home"), hear=heard.append) as server:
        assert NEWEST in server.runtimes()
        assert server.obstacle(NEWEST) is None
        assert "not installed" in (server.obstacle("java25") or "not installed")
        (server.archives / "code.zip").write_bytes(zips.of({"app.py": SOURCE.encode()}))
        code = {"S3Bucket": "local", "S3Key": "code.zip"}
        wanted = {"FunctionName": "f", "Runtime": NEWEST, "Handler": "app.handler", "Role": ROLE, "Code": code}
        ask(server, "/2015-03-31/functions", wanted)
        with pytest.raises(ConnectionRefusedError, match="no environment"):
            server.connect("f", 1)
        assert ask(server, "/2015-03-31/functions/f/invocations", [1]) == [1]
        with pytest.raises(ConnectionRefusedError):
            server.connect("f", 1)
    assert [line for line in heard if line in ("imported\n", "handled\n")] == ["imported\n", "handled\n"]
    assert not (tmp_path / "home").exists()
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == 1 or all("server" not in thread.name for thread in threading.enumerate())


def test_what_a_killed_command_left_is_removed_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    left, used = tmp_path / "lamina-run-left", tmp_path / "lamina-run-used"
    for folder in (left, used):
        folder.mkdir()
        (folder / "lock").touch()
    with (used / "lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with throw_away(settings(tmp_path / "home")):
            assert used.exists()
            assert not left.exists()


def test_what_keeps_it_from_starting_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("lamina.throw_away.build", build)
    with pytest.raises(OSError, match="no room"), throw_away(settings(tmp_path / "home")):
        raise AssertionError("it should not have started")
    assert list(tmp_path.iterdir()) == []
