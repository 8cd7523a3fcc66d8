"""Finding Nodes, Javas and Rubies: asked, not believed; the first of a version wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.worker import languages, searching
from lamina.worker.languages import Found


def program(path: Path, prints: str) -> Path:
    """A stand-in for an interpreter, which prints what it is asked for whatever it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nprintf '%s' '{prints}'\n")
    path.chmod(0o755)
    return path


def look(tmp_path: Path, *path: Path, **environ: str) -> dict[tuple[str, str], Found]:
    """What is found on PATH and below the home folder *tmp_path*, without what this machine has in the usual places."""
    everything = languages.find({"HOME": str(tmp_path), "PATH": ":".join(map(str, path)) or "/nonexistent", **environ})
    return {
        language: each
        for language, each in everything.items()
        if any(str(tmp_path) in part for operation in each.lang for part in operation)
    }


def node(folder: Path, release: str) -> Path:
    executable = folder / "node"
    return program(executable, f'["{release}", "{executable}"]')


def java(home: Path, version: str | None) -> Path:
    program(home / "bin/java", "")
    if version is not None:
        (home / "release").write_text(f'IMPLEMENTOR="somebody"\nJAVA_VERSION="{version}"\n')
    return home


def test_a_node_is_one_program_at_var_lang(tmp_path: Path) -> None:
    node(tmp_path / "bin", "32.1.0")
    kept = look(tmp_path, tmp_path / "bin")[("nodejs", "32")]
    assert kept.release == "32.1.0"
    assert ("bind_read_only", "/var/lang/bin/node", str(tmp_path / "bin/node")) in kept.lang


def test_of_two_of_a_version_the_first_on_path_is_taken(tmp_path: Path) -> None:
    node(tmp_path / "a", "32.1.0")
    node(tmp_path / "b", "32.9.0")
    assert look(tmp_path, tmp_path / "a", tmp_path / "b")[("nodejs", "32")].release == "32.1.0"


def test_of_a_managers_the_newest_is_taken(tmp_path: Path) -> None:
    for release in ("32.9.1", "32.10.0", "33.0.0"):
        node(tmp_path / ".nvm/versions/node" / f"v{release}" / "bin", release)
    releases = {language: each.release for language, each in look(tmp_path).items()}
    assert releases == {("nodejs", "32"): "32.10.0", ("nodejs", "33"): "33.0.0"}


@pytest.mark.parametrize("prints", ["v20.1.0", "[]", '["20"]', '[20, "/node"]', '{"a": 1}', ""])
def test_whatever_else_goes_by_the_name_is_none(tmp_path: Path, prints: str) -> None:
    program(tmp_path / "node", prints)
    program(tmp_path / "ruby", prints)
    assert look(tmp_path, tmp_path) == {}


def test_a_java_says_what_it_is_in_a_file_and_is_not_run(tmp_path: Path) -> None:
    home = java(tmp_path / "jdk", "41.0.2")
    (home / "bin/java").write_text("#!/bin/sh\nkill $PPID\n")
    kept = look(tmp_path, JAVA_HOME=str(home))[("java", "41")]
    assert kept.release == "41.0.2"
    assert ("bind_read_only", "/var/lang", str(home)) in kept.lang


def test_a_java_on_path_is_followed_to_its_home(tmp_path: Path) -> None:
    home = java(tmp_path / "jvm/jdk", "42")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").symlink_to(home / "bin/java")
    assert look(tmp_path, tmp_path / "bin")[("java", "42")].program == home / "bin/java"


def test_a_java_that_does_not_say_what_it_is_is_none(tmp_path: Path) -> None:
    assert look(tmp_path, JAVA_HOME=str(java(tmp_path / "jdk", None))) == {}


def test_a_ruby_with_a_prefix_of_its_own_keeps_its_place(tmp_path: Path) -> None:
    prefix = tmp_path / ".rbenv/versions/5.4.3"
    executable = prefix / "bin/ruby"
    program(executable, f'["ruby", "5.4.3", "{executable}", "{prefix}"]')
    kept = look(tmp_path)[("ruby", "5.4")]
    assert ("bind_read_only", str(prefix), str(prefix)) in kept.lang
    assert ("bind_read_only", "/var/lang/bin/ruby", str(executable)) in kept.lang


def test_another_engine_is_no_ruby(tmp_path: Path) -> None:
    program(tmp_path / "ruby", '["jruby", "5.4.3", "/jruby", "/usr"]')
    assert look(tmp_path, tmp_path) == {}


def test_shims_that_choose_by_the_folder_are_passed_over(tmp_path: Path) -> None:
    node(tmp_path / "shims", "32.1.0")
    found = searching.programs(("node",), {"PATH": str(tmp_path / "shims")}, ())
    assert tmp_path / "shims/node" not in list(found)


def test_releases_are_compared_as_numbers() -> None:
    assert searching.release_of(Path("/v/3.12.10")) > searching.release_of(Path("/v/3.12.9"))
