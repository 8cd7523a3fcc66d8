"""What the first line of each command's help says of its arguments."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from lamina.cli.commands import app


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("pull", "{LAYER}..."),
        ("check", "[LAYER]..."),
        ("build", "[NAME]..."),
        ("rollout status", "[ID]"),
        ("subscribe", "{FUNCTION}... {LAYER@CHANNEL}"),
        ("channel set", "{LAYER} {NAME=VERSION}..."),
    ],
)
def test_an_argument_is_marked_once_as_needed_or_not_and_as_one_of_many(command: str, usage: str) -> None:
    said = CliRunner().invoke(app, [*command.split(), "--help"], prog_name="lamina").stdout
    assert said.splitlines()[0] == f"Usage: lamina {command} [OPTIONS] {usage}"
