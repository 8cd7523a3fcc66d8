"""What is said of a runtime that cannot be run here."""

from __future__ import annotations

from pathlib import Path

import pytest

from lamina.sandbox.plan import InterpreterLayout
from lamina.worker.runtimes import RuntimeNotInstalled, Runtimes

HERE = Path("/p")
LAYOUT = InterpreterLayout("3.12", "3.12.1", HERE, HERE, HERE, None, standalone=True, has_site_packages=True)


def advice(runtime: str, *installed: str) -> str:
    with pytest.raises(RuntimeNotInstalled) as raised:
        Runtimes(dict.fromkeys(installed, LAYOUT)).interpreter(runtime)
    return str(raised.value)


def test_a_runtime_is_its_own_interpreter() -> None:
    assert Runtimes({"python3.12": LAYOUT}).interpreter("python3.12") is LAYOUT


def test_one_that_is_missing_is_named_with_what_there_is_and_how_to_get_it() -> None:
    assert advice("python3.9", "python3.11", "python3.12") == (
        "Runtime python3.9 is not installed on this machine, and no other version is used in its place. "
        "Installed here: python3.11, python3.12. To get it: `uv python install 3.9`, or `apt-get install python3.9`, "
        "or `pyenv install`, then restart Lamina; `lamina doctor` shows what was found."
    )


def test_a_machine_without_any_says_so() -> None:
    assert "Installed here: none." in advice("python3.12")


@pytest.mark.parametrize("runtime", ["nodejs20.x", "java21", "provided.al2023", "ruby3.3"])
def test_languages_that_are_not_built_yet_are_not_called_missing(runtime: str) -> None:
    assert advice(runtime, "python3.12") == (
        f"Runtime {runtime} cannot be run yet: Lamina runs python3.8 and later. Installed here: python3.12."
    )
