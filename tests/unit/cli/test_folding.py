"""Lines for a terminal and for a pipe."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lamina.cli.folding import folded, print_hanging

WORD = "what-has-no-space-is-left-whole-whatever-its-length"
SAID = f"Error: what went wrong is told in a sentence of several words\n{WORD}"


def test_a_terminal_gets_lines_that_end_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "30")
    assert folded(SAID).splitlines() == [
        "Error: what went wrong is told",
        "  in a sentence of several",
        "  words",
        WORD,
    ]


def test_a_pipe_gets_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    assert folded(SAID) == SAID


@pytest.mark.parametrize(
    ("terminal", "lines"),
    [
        (True, ["  ok  a name: what is said of it in", "      more than fits"]),
        (False, ["  ok  a name: what is said of it in more than fits"]),
    ],
)
def test_a_line_goes_on_below_its_beginning_on_a_terminal(terminal: bool, lines: list[str]) -> None:
    console = Console(file=io.StringIO(), width=38, force_terminal=terminal, color_system=None, soft_wrap=True)
    print_hanging(console, "  [green]ok[/]  a name: what is said of it in more than fits", 6)
    assert isinstance(console.file, io.StringIO)
    assert [line.rstrip() for line in console.file.getvalue().splitlines()] == lines
