"""Finding interpreters: asked, not believed; the first of a version wins, and none stands for another."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from lamina.worker import interpreters
from lamina.worker.interpreters import NEWEST, OLDEST

FACTS: dict[str, Any] = {
    "implementation": "cpython",
    "version": [3, 9, 1],
    "prefix": "/p",
    "executable": "/p/bin/python3.9",
    "stdlib": "/p/lib/python3.9",
    "site": True,
    "shared": None,
}


@pytest.fixture(autouse=True)
def only_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No interpreter of this machine's own is looked for."""
    own = interpreters._folders
    shared = {Path("/usr/local/bin"), Path("/usr/bin")}

    def folders(environ: Any) -> list[Path]:
        return [folder for folder in own(environ) if folder not in shared and not folder.is_relative_to("/opt")]

    monkeypatch.setattr(interpreters, "_folders", folders)


def fake(path: Path, answer: str | None = None, **facts: Any) -> Path:
    """An executable at *path* that answers as asked, or with *answer*."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(FACTS | facts) if answer is None else answer
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
    path.chmod(0o755)
    return path


def found(tmp_path: Path, **environ: str) -> dict[str, str]:
    """Runtime -> release, with HOME in the test's folder."""
    layouts = interpreters.find({"HOME": str(tmp_path), "PATH": "", **environ})
    return {runtime: layout.release for runtime, layout in layouts.items()}


def test_an_interpreter_is_described_by_what_it_says(tmp_path: Path) -> None:
    fake(tmp_path / "bin/python3.9", shared="/p/lib/libpython3.9.so.1.0", site=False)
    layout = interpreters.find({"PATH": str(tmp_path / "bin")})["python3.9"]
    assert (layout.version, layout.release) == ("3.9", "3.9.1")
    assert (layout.prefix, layout.executable) == (Path("/p"), Path("/p/bin/python3.9"))
    assert layout.standard_library == Path("/p/lib/python3.9")
    assert layout.shared_library == Path("/p/lib/libpython3.9.so.1.0")
    assert layout.standalone
    assert not layout.has_site_packages


@pytest.mark.parametrize("prefix", ["/", "/usr", "/usr/local"])
def test_a_prefix_shared_with_everything_else_is_not_standalone(tmp_path: Path, prefix: str) -> None:
    fake(tmp_path / "bin/python3.9", prefix=prefix)
    assert not interpreters.find({"PATH": str(tmp_path / "bin")})["python3.9"].standalone


def test_the_version_it_says_counts_and_not_its_name(tmp_path: Path) -> None:
    fake(tmp_path / "bin/python3.12", version=[3, 9, 7])
    assert found(tmp_path, PATH=str(tmp_path / "bin")) == {"python3.9": "3.9.7"}


def test_the_first_on_the_path_is_taken(tmp_path: Path) -> None:
    fake(tmp_path / "one/python3.9", version=[3, 9, 1])
    fake(tmp_path / "two/python3.9", version=[3, 9, 2])
    assert found(tmp_path, PATH=f"{tmp_path}/one:{tmp_path}/two") == {"python3.9": "3.9.1"}


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        (".pyenv/versions", ["3.9.9", "3.9.10", "3.9.1"]),
        (".local/share/uv/python", ["cpython-3.9.9-linux-x86_64-gnu", "cpython-3.9.10-linux-x86_64-gnu"]),
    ],
)
def test_of_a_version_managers_the_newest_release_is_taken(tmp_path: Path, folder: str, names: list[str]) -> None:
    for name in names:
        release = next(part for part in name.split("-") if part.startswith("3."))
        fake(tmp_path / folder / name / "bin/python3.9", version=[int(number) for number in release.split(".")])
    assert found(tmp_path) == {"python3.9": "3.9.10"}


def test_pyenv_and_uv_are_looked_for_where_they_are_told_to_be(tmp_path: Path) -> None:
    fake(tmp_path / "pyenv/versions/3.9.1/bin/python3.9")
    fake(tmp_path / "data/uv/python/cpython-3.10.2/bin/python3.10", version=[3, 10, 2])
    environ = {"PYENV_ROOT": str(tmp_path / "pyenv"), "XDG_DATA_HOME": str(tmp_path / "data")}
    assert found(tmp_path, **environ) == {"python3.9": "3.9.1", "python3.10": "3.10.2"}


def test_pyenvs_shims_choose_by_folder_and_are_left_out(tmp_path: Path) -> None:
    fake(tmp_path / "shims/python3.9")
    assert found(tmp_path, PATH=str(tmp_path / "shims")) == {}


def test_runtimes_are_in_order_of_version(tmp_path: Path) -> None:
    for minor in (10, 9, 12, 8):
        fake(tmp_path / f"bin/python3.{minor}", version=[3, minor, 0])
    assert list(found(tmp_path, PATH=str(tmp_path / "bin"))) == ["python3.8", "python3.9", "python3.10", "python3.12"]


@pytest.mark.parametrize(
    "facts",
    [
        {"implementation": "pypy"},
        {"version": [2, 9, 0]},
        {"version": [3, OLDEST - 1, 0]},
        {"version": [3, NEWEST + 1, 0]},
    ],
)
def test_others_are_no_runtime(tmp_path: Path, facts: dict[str, Any]) -> None:
    fake(tmp_path / "bin/python3.9", **facts)
    assert found(tmp_path, PATH=str(tmp_path / "bin")) == {}


@pytest.mark.parametrize("answer", ["", "Segmentation fault", "[]", "null", "{}", '{"version": 3}'])
def test_what_answers_nonsense_is_no_interpreter_and_hides_none(tmp_path: Path, answer: str) -> None:
    fake(tmp_path / "one/python3.9", answer)
    fake(tmp_path / "two/python3.9")
    assert found(tmp_path, PATH=f"{tmp_path}/one:{tmp_path}/two") == {"python3.9": "3.9.1"}


def test_what_fails_or_cannot_be_run_is_none(tmp_path: Path) -> None:
    fake(tmp_path / "bin/python3.9").write_text("#!/bin/sh\nexit 3\n")
    fake(tmp_path / "bin/python3.10").write_text("#!/no/such/interpreter\n")
    fake(tmp_path / "bin/python3.11").chmod(0o644)
    (tmp_path / "bin/python3.12").symlink_to("nowhere")
    (tmp_path / "bin/python3.13").mkdir()
    assert found(tmp_path, PATH=str(tmp_path / "bin")) == {}


def test_this_interpreter_describes_itself(tmp_path: Path) -> None:
    version = "{}.{}".format(*sys.version_info[:2])
    (tmp_path / "bin").mkdir()
    (tmp_path / f"bin/python{version}").symlink_to(Path(sys.base_prefix) / f"bin/python{version}")
    layout = interpreters.find({"PATH": str(tmp_path / "bin")})[f"python{version}"]
    assert layout.release == "{}.{}.{}".format(*sys.version_info[:3])
    assert layout.prefix == Path(sys.base_prefix)
    assert (layout.standard_library / "os.py").is_file()
    assert layout.executable.resolve() == layout.executable


def test_process_1_runs_on_the_servers_own_below_its_virtual_environment() -> None:
    layout = interpreters.house()
    assert layout.version == "{}.{}".format(*sys.version_info[:2])
    assert layout.executable.is_file()
    assert (layout.standard_library / "os.py").is_file()
    assert ".venv" not in layout.executable.parts


def test_one_newer_than_any_runtime_is_a_house_and_no_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = tmp_path / f"python3.{NEWEST}"
    facts = {
        "implementation": "cpython", "version": [3, NEWEST + 1, 0], "prefix": "/new", "executable": "/new/bin/python",
        "stdlib": "/new/lib", "site": True, "shared": None,
    }  # fmt: skip
    newer.write_text(f"#!/bin/sh\nprintf '%s' '{json.dumps(facts)}'\n")
    newer.chmod(0o755)
    assert f"python3.{NEWEST + 1}" not in interpreters.find({"PATH": str(tmp_path)})
    monkeypatch.setattr(sys, "_base_executable", str(newer))
    assert interpreters.house().version == f"3.{NEWEST + 1}"
