"""What a runtime is made of here: the machine's own language, what was installed, and which comes first."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from lamina.sandbox.contents import RUNTIME_ROOT, STAGE, InterpreterLayout
from lamina.worker import installed, kits
from lamina.worker.installed import Installed
from lamina.worker.kits import Kit
from lamina.worker.languages import Found

HERE = Path("/p")
HOUSE = InterpreterLayout("3.12", "3.12.1", HERE, HERE, HERE, None, standalone=True, has_site_packages=True)
NODE = Found("22.1.0", Path("/usr/bin/node"), (("bind_read_only", "/var/lang/bin/node", "/usr/bin/node"),))
JAVA = Found("21.0.1", Path("/jdk/bin/java"), (("bind_read_only", "/var/lang", "/jdk"),))
FOUND = {("nodejs", "22"): NODE, ("java", "21"): JAVA}
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]


def install(root: Path, runtime: str, **manifest: object) -> Path:
    home = root / runtime
    (home / "runtime").mkdir(parents=True)
    told = {"runtime": runtime, "architecture": ARCHITECTURE, "release": "9.9.9", "lang": True, **manifest}
    (home / "manifest.json").write_text(json.dumps(told))
    return home


def test_the_machines_own_node_is_enough() -> None:
    kit = kits.executable("nodejs22.x", FOUND, None)
    assert kit == Kit("nodejs22.x", "22.1.0", "/usr/bin/node", lang=NODE.lang)


def test_no_other_version_takes_its_place() -> None:
    assert kits.executable("nodejs20.x", FOUND, None) is None
    assert kits.executable("java17", FOUND, Installed("2.9.0", None, HERE)) is None


def test_what_was_installed_comes_first(tmp_path: Path) -> None:
    kit = kits.executable("nodejs22.x", FOUND, Installed("22.9.0", tmp_path, HERE))
    assert kit is not None
    assert kit.release == "22.9.0"
    assert ("bind_read_only", "/var/lang", str(tmp_path)) in kit.lang


def test_an_install_without_a_language_stands_beside_the_machines_own() -> None:
    kit = kits.executable("nodejs22.x", FOUND, Installed("3.0.0", None, HERE))
    assert kit == Kit("nodejs22.x", "22.1.0", "/usr/bin/node", lang=NODE.lang, beside=HERE)


def test_a_java_needs_amazons_client_installed() -> None:
    assert kits.executable("java21", FOUND, None) is None
    kit = kits.executable("java21", FOUND, Installed("2.9.0", None, HERE))
    assert kit is not None
    assert kit.beside == HERE


@pytest.mark.parametrize("runtime", ["python3.12", "dotnet8", "provided.al2023", "go1.x"])
def test_others_are_not_of_this_kind(runtime: str) -> None:
    assert kits.executable(runtime, FOUND, Installed("1", HERE, HERE)) is None


def test_var_runtime_is_laminas_own_and_what_was_installed_beside_it(tmp_path: Path) -> None:
    client, beside = tmp_path / "client", tmp_path / "beside"
    for path in (client / "index.mjs", client / "both", beside / "node_modules/x/index.js", beside / "both"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    operations = kits.executed(Kit("nodejs22.x", "22", "/", lang=NODE.lang, beside=beside), client, HOUSE)
    shown = {operation[1]: operation[2] for operation in operations if operation[0] == "bind_read_only"}
    assert {path: source for path, source in shown.items() if path.startswith(RUNTIME_ROOT)} == {
        f"{RUNTIME_ROOT}/index.mjs": str(client / "index.mjs"),
        # Nothing that was installed takes the place of Lamina's own.
        f"{RUNTIME_ROOT}/both": str(client / "both"),
        f"{RUNTIME_ROOT}/node_modules": str(beside / "node_modules"),
    }
    assert shown["/var/lang/bin/node"] == "/usr/bin/node"


def test_process_1_runs_on_an_interpreter_that_goes_with_the_stage() -> None:
    operations = kits.executed(Kit("provided.al2023", "1", "/"), None, HOUSE)
    mounted = [operation[1] for operation in operations if operation[0].startswith("bind")]
    assert mounted == [f"{STAGE}/house"]
    assert ("folder", RUNTIME_ROOT) in operations


def test_an_install_is_read_from_its_manifest(tmp_path: Path) -> None:
    home = install(tmp_path, "nodejs22.x")
    assert installed.read(tmp_path, "nodejs22.x") == Installed("9.9.9", home / "lang", home / "runtime")
    install(tmp_path, "java21", lang=False)
    java = installed.read(tmp_path, "java21")
    assert java is not None
    assert java.lang is None
    assert installed.names(tmp_path) == ["java21", "nodejs22.x"]


def test_what_is_unfinished_damaged_or_of_another_machine_is_not_there(tmp_path: Path) -> None:
    install(tmp_path, ".incoming")
    install(tmp_path, "nodejs20.x", architecture="sparc")
    (install(tmp_path, "nodejs22.x") / "manifest.json").write_text("{")
    (install(tmp_path, "nodejs24.x") / "manifest.json").write_text("[]")
    assert ".incoming" not in installed.names(tmp_path)
    for runtime in ("nodejs20.x", "nodejs22.x", "nodejs24.x", "nodejs26.x"):
        assert installed.read(tmp_path, runtime) is None


def test_ids_are_made_of_what_was_found() -> None:
    assert kits.suitable(FOUND) == ["nodejs22.x", "java21"]
