"""Linters, types and the direction of imports: as much a part of the code as its tests."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUEST = ROOT / "src" / "lamina" / "guest"
# The runtime client of AWS is what stands in /var/runtime; only the module that becomes its __main__ may name it.
RUNTIME_CLIENT = "awslambdaric"

# Modules that no CPython from 3.8 on lacks.
EVERYWHERE = sys.stdlib_module_names - {"tomllib", "zoneinfo", "graphlib"}


def _run(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def test_ruff_finds_nothing() -> None:
    _run("ruff", "check", "--quiet", "--output-format=concise", ".")


def test_ruff_would_format_nothing() -> None:
    _run("ruff", "format", "--quiet", "--check", ".")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_types_hold() -> None:
    _run("mypy", "--no-error-summary")


def test_imports_run_one_way() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    # Its cache remembers for each file what an import meant, also when another file has since made that wrong.
    done = subprocess.run(
        [lint_imports, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_of_the_code_stands_under_a_contract() -> None:
    contracts = (ROOT / "pyproject.toml").read_text()
    rooms = {path.stem for path in (ROOT / "src" / "lamina").iterdir() if path.is_dir() or path.suffix == ".py"}
    outside = rooms - {"__init__", "__main__", "__pycache__", "py", "guest"}
    assert {
        room for room in outside if f'"lamina.{room}"' not in contracts and f"(lamina.{room})" not in contracts
    } == set()


@pytest.mark.parametrize("module", sorted(GUEST.rglob("*.py")), ids=lambda path: str(path.relative_to(GUEST)))
def test_the_guest_imports_the_standard_library_and_itself(module: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module is not None
            imported.add(node.module.partition(".")[0])
    # What stands in /var/runtime together finds one another.
    beside = {path.stem for path in (GUEST / "runtimes/python").glob("*.py")}
    assert imported - EVERYWHERE - {"lamina_guest", RUNTIME_CLIENT} - beside == set()


def _interpreters() -> list[str]:
    """Every CPython 3.8 or later that can be found without asking Lamina; those of version managers included."""
    found = {}
    folders = [Path(folder) for folder in ("/usr/bin", "/usr/local/bin")]
    for pattern in (".pyenv/versions/*/bin", ".local/share/uv/python/*/bin"):
        folders += list(Path.home().glob(pattern))
    for folder in folders:
        for path in folder.glob("python3.[0-9]*"):
            minor = path.name.removeprefix("python3.")
            if minor.isdigit() and int(minor) >= 8 and path.stat().st_mode & 0o111:
                found[f"3.{minor}"] = str(path)
    return sorted(found.values())


@pytest.mark.parametrize("interpreter", _interpreters())
def test_the_guest_compiles_with(interpreter: str) -> None:
    compiling = (
        "import ast, pathlib, sys\n"
        "for path in pathlib.Path(sys.argv[1]).rglob('*.py'):\n"
        "    compile(path.read_text(), str(path), 'exec')\n"
    )
    done = subprocess.run(
        [interpreter, "-I", "-S", "-W", "error", "-c", compiling, str(GUEST)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "scripts").iterdir()))
def test_scripts_run_in_a_plain_shell(script: str) -> None:
    path = ROOT / "scripts" / script
    assert path.stat().st_mode & 0o111, f"{path} is not executable"
    assert path.read_text().startswith("#!/bin/sh\n")
    done = subprocess.run([shutil.which("dash") or "sh", "-n", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
