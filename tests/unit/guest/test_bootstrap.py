"""The runtime's entry: where a function's imports come from, run by every interpreter there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .interpreters import FOUND, VAR_RUNTIME, run, with_each

# AWS's client, as far as the entry uses it: it says what it was given instead of serving events.
_CLIENT = {
    "__init__.py": "",
    "bootstrap.py": """
import gc, json, os, sys
FORMAT = os.environ.get("AWS_LAMBDA_LOG_FORMAT")
def run(handler, client):
    said = {"path": sys.path, "handler": handler, "api": client.address, "format": FORMAT}
    thresholds = [gc.get_threshold()]
    exec(handler.partition(" ")[2])
    event = client.wait_next_invocation()
    thresholds.append(gc.get_threshold())
    print(json.dumps({**said, "thresholds": thresholds, "events": [event, client.wait_next_invocation()]}))
""",
    "lambda_runtime_client.py": """
class LambdaRuntimeClient:
    def __init__(self, address):
        self.address = address
    def wait_next_invocation(self):
        return "event"
""",
}


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A /var/task that brings the stand-in of the client along."""
    (tmp_path / "task" / "awslambdaric").mkdir(parents=True)
    for name, text in _CLIENT.items():
        (tmp_path / "task" / "awslambdaric" / name).write_text(text)
    return tmp_path / "task"


def told(runtime: str, task: Path, before: str = "pass", **environ: str) -> Any:
    """What the client is given, and the path it finds; *before* runs first, as in a zygote."""
    code = f"import sys; {before}; path = sys.argv[1]; exec(compile(open(path).read(), path, 'exec'))"
    variables = {
        "LAMBDA_TASK_ROOT": str(task),
        "_HANDLER": "app.handler",
        "AWS_LAMBDA_RUNTIME_API": "169.254.100.1:9001",
        **environ,
    }
    return json.loads(run(runtime, code, str(VAR_RUNTIME / "bootstrap.py"), **variables))


def places(runtime: str) -> tuple[str, list[str]]:
    """The runtime's packages, and the two folders of layers."""
    packages = f"/var/lang/lib/{runtime}/site-packages"
    return packages, [f"/opt/python/lib/{runtime}/site-packages", "/opt/python"]


@with_each
def test_code_comes_before_layers_and_layers_before_the_runtimes_packages(runtime: str, task: Path) -> None:
    packages, layers = places(runtime)
    path = told(runtime, task, PYTHONPATH="/var/runtime")["path"]
    assert path[:5] == [str(task), *layers, packages, "/var/runtime"]
    assert path[-1] == packages, "and once more behind the standard library, as on AWS"
    standard = path[5:-1]
    assert any(Path(entry, "os.py").exists() for entry in standard)
    assert not {str(task), *layers, packages, "/var/runtime", ""} & set(standard)


@with_each
def test_a_python_path_of_the_users_switches_the_layers_off(runtime: str, task: Path) -> None:
    packages, layers = places(runtime)
    path = told(runtime, task, PYTHONPATH="/opt/mine:/var/task/lib")["path"]
    # The folder of the program itself stays, as it does for any `python FILE`.
    assert path[:4] == [str(task), "/var/runtime", "/opt/mine", "/var/task/lib"]
    assert not set(layers) & set(path)
    assert path[-1] == packages
    assert path.count(packages) == 1


@with_each
def test_so_does_an_empty_one(runtime: str, task: Path) -> None:
    path = told(runtime, task, PYTHONPATH="")["path"]
    assert path[:2] == [str(task), "/var/runtime"]
    assert not set(places(runtime)[1]) & set(path)


@with_each
def test_a_users_python_path_may_name_the_layers_itself(runtime: str, task: Path) -> None:
    path = told(runtime, task, PYTHONPATH="/opt/python")["path"]
    assert path[:3] == [str(task), "/var/runtime", "/opt/python"]


@with_each
def test_path_files_beside_the_code_are_honoured(runtime: str, task: Path, tmp_path: Path) -> None:
    (tmp_path / "extra").mkdir()
    (task / "extra.pth").write_text(f"{tmp_path}/extra\n{tmp_path}/missing\n")
    for python_path in ("/var/runtime", "/opt/mine"):
        path = told(runtime, task, PYTHONPATH=python_path)["path"]
        assert path.count(str(tmp_path / "extra")) == 1
        assert path.index(str(tmp_path / "extra")) > path.index(str(task)) == 0
        assert str(tmp_path / "missing") not in path


@pytest.mark.parametrize("runtime", list(FOUND)[-1:])
def test_the_client_gets_handler_and_address(runtime: str, task: Path) -> None:
    given = told(runtime, task, PYTHONPATH="/var/runtime")
    assert (given["handler"], given["api"]) == ("app.handler", "169.254.100.1:9001")


@pytest.mark.parametrize("runtime", list(FOUND)[-1:])
def test_a_client_imported_by_a_zygote_learns_of_the_log_format(runtime: str, task: Path) -> None:
    before = (
        "import os; sys.path.insert(0, os.environ['LAMBDA_TASK_ROOT']); "
        "shown = os.environ.pop('AWS_LAMBDA_LOG_FORMAT'); import awslambdaric.bootstrap; "
        "os.environ['AWS_LAMBDA_LOG_FORMAT'] = shown"
    )
    given = told(runtime, task, before, PYTHONPATH="/var/runtime", AWS_LAMBDA_LOG_FORMAT="JSON")
    assert given["format"] == "JSON"


@with_each
def test_until_the_first_event_only_what_is_new_is_looked_at_as_often(runtime: str, task: Path) -> None:
    seen = told(runtime, task, before="import gc; gc.set_threshold(700, 10, 10)")
    assert seen["thresholds"] == [[700, 50, 2], [700, 10, 10]]
    assert seen["events"] == ["event", "event"]


@pytest.mark.parametrize("own", [(0, 0, 0), (300, 10, 0)])
def test_thresholds_of_a_functions_own_stay(own: tuple[int, ...], task: Path) -> None:
    handler = f"app.handler gc.set_threshold(*{own})"
    assert told(list(FOUND)[-1], task, _HANDLER=handler)["thresholds"][1] == list(own)
