"""What of `lamina up`'s command line is read without Typer, and what is left to it."""

from __future__ import annotations

import pytest

from lamina.cli import plain


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ({}, False)),
        (["-q"], ({}, True)),
        (["--quiet", "--port", "0"], ({"port": "0"}, True)),
        (["--port=0", "--host", "::1"], ({"port": "0", "host": "::1"}, False)),
        (["--state=/a=b", "--network", "none"], ({"state_dir": "/a=b", "network": "none"}, False)),
        (["--port", "1", "--port", "2"], ({"port": "2"}, False)),
    ],
)
def test_options_with_their_values_are_read(arguments: list[str], expected: object) -> None:
    assert plain.up(["up", *arguments]) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        ["doctor"],
        ["up", "--help"],
        ["up", "--port"],
        ["up", "--port", "--quiet"],
        ["up", "--port", "-1"],
        ["up", "--quiet=1"],
        ["up", "--nope", "1"],
        ["up", "nope"],
        ["up", "--"],
        ["up", "-qq"],
    ],
)
def test_everything_else_is_left_to_typer(arguments: list[str]) -> None:
    assert plain.up(arguments) is None
