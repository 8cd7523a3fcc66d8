"""What is told of each runtime."""

from __future__ import annotations

import pytest

from lamina.installing.survey import Found, Row, meant, survey

RUNTIMES = ["nodejs20.x", "nodejs22.x", "python3.12", "python3.13", "dotnet8", "java21"]


def _survey(found: dict[str, Found], manifests: dict[str, object]) -> list[Row]:
    return survey(
        RUNTIMES,
        found.get,
        {"nodejs20.x": 1, "nodejs22.x": 1, "java21": 1},
        manifests,
        lambda runtime: f"advice on {runtime}",
        lambda runtime: runtime == "dotnet8",
    )


def test_each_runtime_has_a_row_that_says_what_can_be_done() -> None:
    found = {"nodejs22.x": Found("22.1.0", "/installed"), "python3.12": Found("3.12.1", "/usr/bin/python3.12")}
    assert _survey(found, {"nodejs22.x": {}}) == [
        Row("nodejs20.x", "installable", "", "lamina runtimes install nodejs20.x", installed=False),
        Row("nodejs22.x", "ready", "22.1.0", "/installed", installed=True),
        Row("python3.12", "ready", "3.12.1", "/usr/bin/python3.12", installed=False),
        Row("python3.13", "missing", "", "advice on python3.13", installed=False),
        Row("dotnet8", "refused", "", "advice on dotnet8", installed=False),
        Row("java21", "installable", "", "lamina runtimes install java21", installed=False),
    ]


def test_an_install_that_lacks_its_interpreter_is_not_called_ready() -> None:
    row = _survey({}, {"java21": {}})[-1]
    assert (row.state, row.installed) == ("installable", True)
    assert "no interpreter" in row.says


@pytest.mark.parametrize(
    ("given", "likeliest"),
    [("node22", "nodejs22.x"), ("nodejs22", "nodejs22.x"), ("NodeJS20.x", "nodejs20.x"), ("java-21", "java21")],
)
def test_what_was_meant_is_guessed(given: str, likeliest: str) -> None:
    assert meant(given, RUNTIMES)[0] == likeliest


def test_what_nobody_can_mean_is_not_guessed() -> None:
    assert meant("cobol", RUNTIMES) == []
