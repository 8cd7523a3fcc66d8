"""`lamina runtimes` as a person types it, against a registry on loopback that behaves as badly as networks do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

from lamina.functions.runtimes import RETIRED
from lamina.installing.lock import read_lock
from lamina.installing.registries import npm_address
from tests.support import installs
from tests.support.registry import Registry
from tests.support.server import Server

_NODE = read_lock().recipes["nodejs22.x"].lang["x86_64"]
_PATH = npm_address("/npm", _NODE)


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry.running() as registry:
        yield registry


def _command(state: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "lamina", "runtimes", *arguments, "--state", str(state)]


def _run(state: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(state, *arguments),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environ},
    )


def _left(state: Path) -> set[str]:
    return {path.name for path in (state / "runtimes" / "installed" / "v1").iterdir()} - {".lock"}


def _rows(state: Path) -> dict[str, dict[str, Any]]:
    done = _run(state, "--json")
    assert done.returncode == 0, done.stderr
    return {row["runtime"]: row for row in json.loads(done.stdout)["runtimes"]}


def test_the_list_has_every_runtime_that_a_function_can_be_given_and_says_what_to_do(tmp_path: Path) -> None:
    rows = _rows(tmp_path)
    model = Loader().load_service_model("lambda", "service-2")
    assert rows.keys() == set(model["shapes"]["Runtime"]["enum"]) - RETIRED - {"custom"}
    for runtime, row in rows.items():
        assert row["says"], runtime
        assert bool(row["release"]) == (row["state"] == "ready"), runtime
    assert rows["java21"]["says"] == "lamina runtimes install java21"
    assert (rows["dotnet8"]["state"], rows["java11"]["state"]) == ("refused", "refused")
    assert rows["provided.al2023"]["state"] == "ready"


def test_each_python_is_shown_with_the_interpreter_that_was_found(tmp_path: Path) -> None:
    ready = {
        name: row for name, row in _rows(tmp_path).items() if name.startswith("python") and row["state"] == "ready"
    }
    assert f"python3.{sys.version_info.minor}" in ready
    for runtime, row in ready.items():
        assert row["release"].startswith(runtime.removeprefix("python") + ".")
        assert Path(row["says"]).name == runtime


def test_the_table_says_the_same_to_people(tmp_path: Path) -> None:
    done = _run(tmp_path)
    assert done.returncode == 0
    assert "java21           installable  lamina runtimes install java21\n" in done.stdout
    assert "dotnet6, dotnet8, dotnet10: Amazon's client for .NET is not to be had" in done.stdout
    assert " to be installed by `lamina runtimes install`" in done.stdout


@pytest.mark.parametrize(
    ("runtime", "code", "says"),
    [
        ("node22", 2, "Did you mean nodejs22.x?"),
        ("cobol", 2, "`lamina runtimes` lists them."),
        ("nodejs12.x", 2, "there is no runtime nodejs12.x"),
        ("dotnet8", 5, "provided.al2023"),
        ("nodejs18.x", 5, "nodejs20.x and later"),
        ("ruby3.4", 5, "Ruby 3.4"),
        ("python3.15", 5, "uv python install 3.15"),
        ("provided.al2", 5, "nothing is needed"),
    ],
)
def test_what_cannot_be_installed_is_refused_with_what_can_be_done(
    tmp_path: Path, runtime: str, code: int, says: str
) -> None:
    done = _run(tmp_path / "state", "install", "nodejs22.x", runtime)
    assert done.returncode == code
    assert says in done.stderr
    # Everything that was asked for is looked at before anything is begun.
    assert not (tmp_path / "state").exists()


def test_packages_of_the_sdk_that_there_are_not_are_refused(tmp_path: Path) -> None:
    done = _run(tmp_path, "install", "nodejs22.x", "--sdk", "client-teapot")
    assert done.returncode == 2
    assert "client-teapot" in done.stderr
    assert "lib-dynamodb" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_install_that_is_interrupted_in_mid_download_leaves_nothing(
    tmp_path: Path, registry: Registry, number: int, code: int
) -> None:
    registry.files[_PATH] = b"\0" * _NODE.size_bytes
    registry.stalls[_PATH] = 1_000_000
    command = _command(tmp_path, "install", "nodejs22.x")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | registry.environ()
    ) as process:
        assert registry.stalled.wait(20)
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in said
    assert _left(tmp_path) == set()


def test_a_damaged_download_is_not_installed(tmp_path: Path, registry: Registry) -> None:
    registry.files[_PATH] = b"\0" * _NODE.size_bytes
    done = _run(tmp_path, "install", "nodejs22.x", **registry.environ())
    assert done.returncode == 1
    assert f"{_NODE.name} from {registry.address}/npm is not the file that was locked" in done.stderr
    assert "NPM_CONFIG_REGISTRY" in done.stderr
    assert _rows(tmp_path)["nodejs22.x"]["installed"] is False


def test_an_install_without_a_network_says_whom_it_could_not_reach(tmp_path: Path, registry: Registry) -> None:
    nobody = {name: value.replace(registry.address, "http://127.0.0.1:1") for name, value in registry.environ().items()}
    done = _run(tmp_path, "install", "java21", **nobody)
    assert done.returncode == 1
    assert "could not be fetched from http://127.0.0.1:1/simple" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_install_waits_for_the_first_and_goes_on_when_that_one_is_killed(
    tmp_path: Path, registry: Registry
) -> None:
    registry.files[_PATH] = b"\0" * _NODE.size_bytes
    registry.stalls[_PATH] = 1_000
    environ = os.environ | registry.environ()
    command = _command(tmp_path, "install", "nodejs22.x")
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environ)
    try:
        assert registry.stalled.wait(20)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
        ) as second:
            assert second.stdout is not None
            assert "waiting for it" in second.stdout.readline()
            assert second.poll() is None
            del registry.stalls[_PATH]
            first.kill()
            _, errors = second.communicate(timeout=60)
    finally:
        first.kill()
        first.wait()
    assert "is not the file that was locked" in errors


@pytest.mark.slow
def test_what_was_installed_is_shown_as_ready_is_not_installed_twice_and_can_be_removed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    installs.install(state, "nodejs22.x")
    row = _rows(state)["nodejs22.x"]
    assert (row["state"], row["release"], row["installed"]) == (
        "ready",
        read_lock().recipes["nodejs22.x"].release,
        True,
    )
    nobody = {"NPM_CONFIG_REGISTRY": "http://127.0.0.1:1"}
    again = _run(state, "install", "nodejs22.x", **nobody)
    assert (again.returncode, "is installed already" in again.stdout) == (0, True)
    with Server.started(state):
        refused = _run(state, "remove", "nodejs22.x")
        assert refused.returncode == 4
        assert "Stop `lamina up` first" in refused.stderr
    assert _run(state, "remove", "nodejs22.x").stdout == "nodejs22.x is removed.\n"
    assert _left(state) == set()
    assert _run(state, "remove", "nodejs22.x").returncode == 1
