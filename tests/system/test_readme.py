"""README and examples do what they say, against a server as a reader would start it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.runtimes import NEWEST
from tests.support.server import Server

ROOT = Path(__file__).parents[2]


def _environ(server: Server) -> dict[str, str]:
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def _commands(section: str) -> str:
    text = (ROOT / "README.md").read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    return "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("python3.11", NEWEST)


@pytest.mark.slow
def test_the_five_minute_tour_does_what_it_says(server: Server, tmp_path: Path) -> None:
    tour = _commands("The five-minute tour").replace("http://127.0.0.1:4566", server.endpoint)
    assert "aws lambda invoke" in tour
    commands = f"{tour}\necho '== moved =='\n{_commands('When a layer has users')}"
    environ = {**_environ(server), "XDG_STATE_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        ["bash", "-euc", commands], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    toured, _, moved = done.stdout.partition("== moved ==")
    said = re.findall(r'"text": "(.*?)", "from": "(.*?)"', toured)
    where = "/opt/python/greeting.py"
    assert said == [("the first version", where), ("the first version", where), ("the second version", where)]
    # Version 2 is deleted, yet the last invocation ran it.
    assert "REPORT RequestId" in toured
    assert toured.rstrip().endswith(':layer:greeting:2"\n]')
    assert "the second version" in (tmp_path / "tour" / "answer.json").read_text()
    assert "1 function: 1 done" in moved
    assert "greeting 1 → 3: rolled back: asked for\n  1 function: 1 put back\n" in moved


@pytest.mark.slow
def test_the_commands_for_whoever_writes_layers_need_no_server(tmp_path: Path) -> None:
    tour = (ROOT / "README.md").read_text().partition("## While you write layers")[0]
    commands = _commands("While you write layers")
    (tmp_path / "layer" / "python").mkdir(parents=True)
    (tmp_path / "layer" / "python" / "greeting.py").write_text('TEXT = "hello"\n')
    (tmp_path / "app.py").write_text(re.findall(r"<<'PYTHON'\n(.*?)^PYTHON$", tour, re.DOTALL | re.MULTILINE)[0])
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environ.pop("AWS_ENDPOINT_URL", None)
    seen = ".venv/bin/python -c 'import greeting; print(greeting.TEXT)'"
    done = subprocess.run(
        ["bash", "-euc", commands + seen],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing is wrong" in done.stdout
    assert re.search(r"idna/ +3\.10 ", done.stdout)
    assert '{"text": "hello", "from": "/opt/python/greeting.py"}' in done.stdout
    assert done.stdout.endswith("\nhello\n")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_example_of_a_native_layer_computes(server: Server) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "native_layer.py", NEWEST],
        env=_environ(server),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"determinant": -2.0' in done.stdout
    assert '"from": "/opt/python/numpy/__init__.py"' in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demo_runs_the_main_job_and_tells_each_step(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lamina", "demo", "--runtime", NEWEST], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = [line for line in done.stdout.splitlines() if line.lstrip().startswith("requests ")]
    assert [line.split()[1] for line in told] == ["2.31.0", "2.31.0", "2.31.0", "2.32.5", "2.31.0"]
    assert all("/opt/python/requests/__init__.py" in line for line in told)
    assert "failed" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Done in ")


def test_the_demo_says_which_runtimes_there_are_when_asked_for_another() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lamina", "demo", "--runtime", "python3.6"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "python3.6 is not installed here; there are " in done.stderr
    assert NEWEST in done.stderr
    assert "Traceback" not in done.stderr
