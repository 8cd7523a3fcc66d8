"""The fixture that other projects' tests get, in a project of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest

from tests.support.functions import wait_until
from tests.support.runtimes import NEWEST

USES = f"""
import os, subprocess, sys, urllib.request

def test_a_layer_is_published_once_attached_and_run(lamina, tmp_path):
    (tmp_path / "layer" / "python").mkdir(parents=True)
    module = tmp_path / "layer" / "python" / "greeting.py"
    module.write_text("WORD = 'hello'")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text("import greeting\\ndef handler(e, c): return greeting.WORD")
    first = lamina.layer_from(tmp_path / "layer")
    assert first.endswith(":layer:layer:1")
    assert lamina.layer_from(tmp_path / "layer") == first
    module.write_text("WORD = 'hallo'")
    second = lamina.layer_from(tmp_path / "layer", runtimes=["{NEWEST}"])
    assert second.endswith(":layer:layer:2")
    more = dict(handler="app.handler", runtime="{NEWEST}", MemorySize=192)
    arn = lamina.function_from(tmp_path / "code", "f", layers=[second], **more)
    assert lamina.client().invoke(FunctionName=arn)["Payload"].read() == b'"hallo"'
    assert lamina.client().get_function_configuration(FunctionName="f")["MemorySize"] == 192

def test_it_is_the_same_server_for_every_tool(lamina):
    assert lamina.client() is lamina.client()
    assert lamina.client(account="1" * 12).list_functions()["Functions"] == []
    command = [sys.executable, "-m", "awscli", "lambda", "get-function", "--function-name", "f"]
    subprocess.run(command, check=True, env={{**os.environ, **lamina.environ}}, stdout=subprocess.DEVNULL)
"""
DIES = """
import os, signal
def test_it_is_killed(lamina):
    os.write(1, (lamina.endpoint + "\\n").encode())
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _pytest(tmp_path: Path, test: str, **environ: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "test_project.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "lamina.testing.plugin", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "-W", "error", "test_project.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        # As in a project whose plugins are not this one's.
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environ},
    )


def test_tests_of_a_project_have_a_server_of_their_own(tmp_path: Path) -> None:
    done = _pytest(tmp_path, USES)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    left = [path.name for path in (tmp_path / "tmp").iterdir()]
    assert [name for name in left if name.startswith("lamina")] == []


def test_a_server_that_does_not_start_fails_the_tests_with_what_it_said(tmp_path: Path) -> None:
    done = _pytest(tmp_path, "def test_it(lamina): pass", LAMINA_NETWORK="moon")
    assert done.returncode != 0
    assert "Lamina did not start: Error: LAMINA_NETWORK is 'moon'" in done.stdout


def test_when_pytest_is_killed_its_server_stops(tmp_path: Path) -> None:
    done = _pytest(tmp_path, DIES)
    assert done.returncode == -signal.SIGKILL
    endpoint = next(line for line in done.stdout.splitlines() if "http://" in line)

    def silent() -> bool:
        try:
            urllib.request.urlopen(f"{endpoint[endpoint.index('http') :]}/_lamina/health", timeout=60).close()
        except OSError:
            return True
        return False

    wait_until(silent, 30)


def test_pytest_finds_it_by_itself() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"lamina": "lamina.testing.plugin"}
    assert pytest.importorskip("lamina.testing.plugin").lamina
