"""Lines for a terminal and for a pipe."""

from __future__ import annotations

import pytest

from lamina.cli.folding import folded

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
