"""`lamina link`, seen by the interpreter, pytest, mypy and Node.js of a project, and undone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from lamina.cli.failures import Failure
from tests.support import fetching, zips

LAMINA = str(Path(sys.executable).with_name("lamina"))
MODULE = b"def double(number: int) -> int:\n    return number * 2\n"
USER = "import linked, packed.inner\nwrong: str = linked.double(packed.inner.two())\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a virtual environment, a layer that is a folder beside it, and one that is a zip."""
    folder = tmp_path / "project"
    venv.create(folder / ".venv", symlinks=True, with_pip=False)
    (tmp_path / "layer" / "python").mkdir(parents=True)
    (tmp_path / "layer" / "python" / "linked.py").write_bytes(MODULE)
    package = {"__init__.py": b"", "inner.py": b"def two() -> int:\n    return 2\n"}
    held = {f"python/packed/{name}": content for name, content in package.items()}
    (tmp_path / "layer.zip").write_bytes(zips.of({**held, "nodejs/node_modules/n/index.js": b"exports.x = 1"}))
    return folder


def _environ(project: Path) -> dict[str, str]:
    environ = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    # The plugins of this run are none of the project's.
    apart = {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return {**environ, **apart, "XDG_STATE_HOME": str(project.parent / "state")}


def _run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environ = _environ(project)
    if command[0] == LAMINA:
        environ |= {name: value for name, value in os.environ.items() if name == "PYTHONPATH"}
    return subprocess.run(command, cwd=project, capture_output=True, text=True, env=environ, timeout=120, check=False)


def _content(project: Path) -> list[str]:
    return sorted(str(path) for path in project.rglob("*"))


def test_tools_of_a_project_see_linked_layers_and_after_undo_nothing_is_left(project: Path) -> None:
    before = _content(project)
    done = _run(project, LAMINA, "link", "-l", "../layer", "-l", "../layer.zip")
    assert done.returncode == 0, done.stderr
    python = str(project / ".venv" / "bin" / "python")
    seen = _run(project, python, "-c", "import linked, packed.inner; print(linked.double(packed.inner.two()))")
    assert seen.stdout == "4\n", seen.stderr
    (project / "user.py").write_text(USER)
    found = _run(project, sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "user.py")
    assert 'expression has type "int", variable has type "str"' in found.stdout
    assert "Found 1 error in 1 file" in found.stdout
    if shutil.which("node"):
        seen = _run(project, "node", "-p", "require('n').x")
        assert seen.stdout == "1\n", seen.stderr
    (project.parent / "layer" / "python" / "linked.py").write_bytes(MODULE.replace(b"* 2", b"* 3"))
    seen = _run(project, python, "-c", "import linked; print(linked.double(1))")
    assert seen.stdout == "3\n", "a folder is seen as it is now"

    assert _run(project, LAMINA, "link", "-l", "../layer").returncode == 0
    assert _run(project, python, "-c", "import packed").returncode != 0, "it was linked before, and is no more"
    (project / "user.py").unlink()
    shutil.rmtree(project / ".mypy_cache")
    assert _run(project, LAMINA, "link", "--undo").stdout == "2 links are gone.\n"
    assert _content(project) == before
    assert list((project.parent / "state" / "lamina" / "links" / "v1").iterdir()) == []
    assert "nothing was linked" in _run(project, LAMINA, "link", "--undo").stdout


def test_pytest_and_pyright_of_a_project_see_linked_layers(project: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("pyright is a program of Node.js")
    pyright = fetching.node_modules("pyright") / "nodejs" / "node_modules" / "pyright" / "index.js"
    packages = next((project / ".venv" / "lib").glob("python3*/site-packages"))
    # As if the project had installed its test runner.
    (packages / "installed.pth").write_text(sysconfig.get_path("purelib"))
    (project / "test_user.py").write_text(
        "from user import linked, packed\n\ndef test_it(): assert linked.double(2) == 4\n"
    )
    (project / "user.py").write_text(USER)
    python = str(project / ".venv" / "bin" / "python")
    testing = (python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_user.py")
    checking = ("node", str(pyright), "--pythonpath", python, "--outputjson", "user.py")
    assert "No module named 'linked'" in _run(project, *testing).stdout
    assert _run(project, LAMINA, "link", "-l", "../layer", "-l", "../layer.zip").returncode == 0
    tested = _run(project, *testing)
    assert (tested.returncode, "1 passed" in tested.stdout) == (0, True), tested.stdout
    assert _rules(_run(project, *checking).stdout) == ["reportAssignmentType"]


def _rules(told: str) -> list[str]:
    """What pyright complains of."""
    return [found["rule"] for found in json.loads(told)["generalDiagnostics"] if found["severity"] == "error"]


def test_undo_leaves_what_is_no_longer_ours(project: Path) -> None:
    assert _run(project, LAMINA, "link", "-l", "../layer.zip").returncode == 0
    (project / "node_modules" / "mine").mkdir()
    (project / "node_modules" / "n").unlink()
    (project / "node_modules" / "n").mkdir()
    assert _run(project, LAMINA, "link", "--undo").returncode == 0
    assert sorted(path.name for path in (project / "node_modules").iterdir()) == ["mine", "n"]


def test_what_cannot_be_linked_is_told(project: Path) -> None:
    nothing = _run(project, LAMINA, "link")
    assert (nothing.returncode, nothing.stdout) == (Failure.USAGE, "")
    shutil.rmtree(project / ".venv")
    bare = _run(project, LAMINA, "link", "-l", "../layer")
    assert bare.returncode == Failure.FAILED
    assert "no virtual environment" in bare.stderr
    (project.parent / "empty").mkdir()
    assert "hold nothing" in _run(project, LAMINA, "link", "-l", "../empty").stderr
    assert _content(project) == []
