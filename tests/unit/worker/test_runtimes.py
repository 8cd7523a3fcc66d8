"""What is said of a runtime that cannot be run here, and when the machine is looked at again."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest

from lamina.sandbox.contents import InterpreterLayout
from lamina.worker import installed, kits, languages, runtimes
from lamina.worker.kits import Kit
from lamina.worker.runtimes import RuntimeNotInstalled, Runtimes

HERE = Path("/p")
LAYOUT = InterpreterLayout("3.12", "3.12.1", HERE, HERE, HERE, None, standalone=True, has_site_packages=True)


def having(*names: str) -> Runtimes:
    return Runtimes({name: Kit(name, "1.2.3", "/somewhere") for name in names}, LAYOUT)


def advice(runtime: str, *installed: str) -> str:
    with pytest.raises(RuntimeNotInstalled) as raised:
        having(*installed).kit(runtime)
    return str(raised.value)


def test_a_runtime_is_its_own_interpreter() -> None:
    kit = kits.python("python3.12", LAYOUT)
    assert Runtimes({"python3.12": kit}, LAYOUT).kit("python3.12") is kit


def test_one_that_is_missing_is_named_with_what_there_is_and_how_to_get_it() -> None:
    assert advice("python3.9", "python3.11", "python3.12", "provided.al2023") == (
        "Runtime python3.9 is not installed on this machine, and no other version is used in its place. "
        "Installed here: python3.11, python3.12. To get it: `uv python install 3.9`, or `apt-get install python3.9`, "
        "or `pyenv install`, then restart Lamina; `lamina doctor` shows what was found."
    )


def test_a_machine_without_any_says_so() -> None:
    assert "Installed here: none." in advice("python3.12", "nodejs20.x")


@pytest.mark.parametrize("runtime", ["nodejs22.x", "java21"])
def test_what_can_be_installed_names_the_command_and_asks_for_no_restart(runtime: str) -> None:
    told = advice(runtime, "nodejs20.x", "java17")
    assert told.endswith(f"To get it: `lamina runtimes install {runtime}`, which needs no restart.")
    assert f"Installed here: {'nodejs20.x' if runtime == 'nodejs22.x' else 'java17'}." in told


@pytest.mark.parametrize(
    ("runtime", "oldest"), [("nodejs18.x", "nodejs20.x"), ("java11", "java17"), ("java8.al2", "java17")]
)
def test_what_is_older_than_any_that_is_run_cannot_be_had(runtime: str, oldest: str) -> None:
    assert advice(runtime) == f"Runtime {runtime} cannot be run here: Lamina runs {oldest} and later."


def test_dotnet_is_refused_with_the_way_that_there_is() -> None:
    told = advice("dotnet8", "python3.12")
    assert told.startswith("Runtime dotnet8 cannot be run here: ")
    assert "provided.al2023" in told


def test_what_was_not_there_at_the_start_is_looked_for_again() -> None:
    late: dict[str, Kit] = {}
    runtimes = Runtimes({}, LAYOUT, late.get)
    with pytest.raises(RuntimeNotInstalled):
        runtimes.kit("nodejs22.x")
    late["nodejs22.x"] = Kit("nodejs22.x", "22.1.0", "/installed")
    assert runtimes.kit("nodejs22.x").release == "22.1.0"


def test_a_custom_runtime_needs_nothing_of_the_machine() -> None:
    assert {kit.runtime for kit in kits.provided()} == {"provided.al2", "provided.al2023"}


def test_what_was_found_late_is_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "find", lambda *_: {})
    here = runtimes.find(tmp_path, {"PATH": "", "HOME": str(tmp_path)})
    with pytest.raises(RuntimeNotInstalled):
        here.kit("nodejs22.x")
    home = installed.folder(tmp_path) / "nodejs22.x"
    (home / "lang").mkdir(parents=True)
    architecture = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    (home / "manifest.json").write_text(json.dumps({"architecture": architecture, "release": "22.1.0", "lang": True}))
    kit = here.kit("nodejs22.x")
    assert kit.release == "22.1.0"
    (home / "manifest.json").unlink()
    assert here.kit("nodejs22.x") is kit
