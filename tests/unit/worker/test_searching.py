"""What programs said of themselves is believed as long as they are the same files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lamina.worker.searching import Answers


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """One that says 1, and leaves a line in `asked` whenever it is."""
    return written(tmp_path, "1")


def written(folder: Path, answer: str) -> Path:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\necho asked >> {folder}/asked\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def asked(program: Path, file: Path) -> object:
    answers = Answers(file)
    answer = answers.ask([program, "x"])
    answers.keep()
    return answer


def times(program: Path) -> int:
    return len((program.parent / "asked").read_text().splitlines())


def test_a_program_is_asked_once(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept" / "answers.json"
    assert [asked(program, file), asked(program, file)] == [1, 1]
    assert times(program) == 1


def test_one_that_has_changed_is_asked_again(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    assert asked(program, file) == 1
    assert asked(written(tmp_path, "22"), file) == 22


def test_another_question_is_another_answer(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    asked(program, file)
    assert Answers(file).ask([program, "y"]) == 1
    assert times(program) == 2


def test_one_that_said_nothing_is_asked_again(tmp_path: Path) -> None:
    silent = written(tmp_path, "no JSON")
    assert [asked(silent, tmp_path / "answers.json") for _ in range(2)] == [None, None]
    assert times(silent) == 2


def test_one_that_is_gone_is_not_answered_for(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    asked(program, file)
    program.unlink()
    assert asked(program, file) is None


@pytest.mark.parametrize("content", ["", "[1]", '{"a": 1}'])
def test_a_file_that_is_no_such_file_is_written_anew(program: Path, tmp_path: Path, content: str) -> None:
    file = tmp_path / "answers.json"
    file.write_text(content)
    assert [asked(program, file), asked(program, file)] == [1, 1]
    assert times(program) == 1


def test_where_nothing_can_be_written_all_is_as_ever(program: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert asked(program, tmp_path / "file" / "answers.json") == 1


def test_what_a_killed_process_had_begun_to_write_is_removed(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "answers.json"
    # No process has number 0; this one may still be about to rename what it writes.
    left, coming = (tmp_path / f".answers.json.{pid}" for pid in (0, os.getpid()))
    left.touch()
    asked(program, file)
    coming.touch()
    assert asked(program, file) == 1
    assert (left.exists(), coming.exists()) == (False, True)
