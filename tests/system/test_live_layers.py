"""Folders that are layers: what is saved is what the next invocation runs."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.support.functions import Function, archive, create, unique, wait_until
from tests.support.server import Server

LAMINA = str(Path(sys.executable).with_name("lamina"))
CODE = """
import importlib
def handler(event, context):
    return [importlib.import_module(name).WORD for name in event]
"""


@contextmanager
def _live(server: Server, folder: Path, name: str = "") -> Iterator[str]:
    """The ARN of *folder* as a live layer."""
    command = [LAMINA, "live", str(folder), "--layer", name or unique("live"), "--state", str(server.state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def _folder(tmp_path: Path, name: str, word: str = "first") -> Path:
    folder = tmp_path / name
    (folder / "python").mkdir(parents=True)
    _save(folder, word)
    return folder


def _save(folder: Path, word: str) -> None:
    (folder / "python" / f"{folder.name}.py").write_text(f"WORD = {word!r}\n")


def _with(server: Server, *layers: str) -> Function:
    return create(server, CODE, Layers=list(layers))


def test_a_save_in_each_of_three_live_layers_is_seen_by_the_next_invocation(
    tmp_path: Path, shared_server: Server
) -> None:
    folders = [_folder(tmp_path, name) for name in ("one", "two", "three")]
    names = [folder.name for folder in folders]
    with ExitStack() as lives:
        function = _with(shared_server, *(lives.enter_context(_live(shared_server, folder)) for folder in folders))
        assert function.value(names) == ["first", "first", "first"]
        for index, folder in enumerate(folders):
            # As long as before, and as soon as can be.
            for word in ("later", "newer"):
                _save(folder, word)
                assert function.value(names)[index] == word
        assert function.value(names) == ["newer"] * 3
        environment = function.call(names).log
        assert "Init Duration" not in environment, "nothing has changed, so nothing begins anew"
        (folders[0] / "python" / "added.py").write_text("WORD = 'added'")
        assert function.value(["added"]) == ["added"]
        (folders[0] / "python" / "added.py").unlink()
        assert function.call(["added"]).error is not None
    # What was published when it began.
    assert function.value(names) == ["first", "first", "first"]


def test_no_version_is_published_of_a_function_with_a_live_layer(tmp_path: Path, shared_server: Server) -> None:
    with _live(shared_server, _folder(tmp_path, "one")) as arn:
        function = _with(shared_server, arn)
        function.update(Timeout=11)
        wait_until(lambda: function.settled)
        with pytest.raises(ClientError, match="is a live layer"):
            function.client.publish_version(FunctionName=function.name)
        with pytest.raises(ClientError, match="is a live layer"):
            function.client.update_function_code(FunctionName=function.name, ZipFile=archive(CODE), Publish=True)
    assert function.client.publish_version(FunctionName=function.name)["Version"] == "1"


def test_what_cannot_be_a_layer_is_told_by_the_invocation_and_mended_by_the_next_save(
    tmp_path: Path, shared_server: Server
) -> None:
    folder = _folder(tmp_path, "one")
    with _live(shared_server, folder) as arn:
        function = _with(shared_server, arn)
        assert function.value(["one"]) == ["first"]
        os.mkfifo(folder / "pipe")
        with pytest.raises(ClientError, match="pipe"):
            function.call(["one"])
        (folder / "pipe").unlink()
        assert function.value(["one"]) == ["first"]
        # A link is never followed out of the folder.
        (folder / "python" / "out.py").symlink_to("/etc/passwd")
        with pytest.raises(ClientError):
            function.call(["one"])


def test_only_the_servers_own_user_may_name_folders(shared_server: Server) -> None:
    control = (shared_server.state / "control.sock").stat()
    assert stat.S_IMODE(control.st_mode) == 0o600
    assert control.st_uid == os.geteuid()
    assert stat.S_IMODE(shared_server.state.stat().st_mode) == 0o700


def test_the_command_ends_with_the_server_and_says_when_there_is_none(tmp_path: Path, server: Server) -> None:
    folder = _folder(tmp_path, "one")
    command = [LAMINA, "live", str(folder), "--layer", "one", "--state", str(server.state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip().endswith(":layer:one:1")
        server.stop()
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said.splitlines()[-1]) == (1, "Error: the server has stopped")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "lamina up" in done.stderr
    done = subprocess.run([*command[:2], "nowhere", "--layer", "x"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
