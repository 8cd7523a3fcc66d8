"""The journal of what changed something: whole after every end, of the process or of the machine."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from lamina.companions.child.journal import Entry, Journal
from lamina.companions.messages import Question

SMALL = Entry(1.5, "0f" * 16, Question("PUT", "/b/k%2F?x", [("host", "h")], (b"body", b"\xff")))
LARGE = Entry(2.5, "1f" * 16, Question("PUT", "/b/large", [], (b"x" * 100_000,)))


def read(folder: Path) -> list[tuple[float, str, str, bytes]]:
    with closing(Journal(folder)) as journal:
        return wrote(*journal.entries())


def wrote(*entries: Entry) -> list[tuple[float, str, str, bytes]]:
    return [(each.at, each.seed, each.question.target, b"".join(each.question.body)) for each in entries]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose journal has had two entries, by a process that is gone."""
    with closing(Journal(tmp_path)) as journal:
        journal.append(SMALL)
        journal.append(LARGE)
    return tmp_path


def test_what_was_appended_is_read_again(folder: Path) -> None:
    assert read(folder) == wrote(SMALL, LARGE)
    assert read(folder) == wrote(SMALL, LARGE)


def test_the_same_body_is_kept_once(folder: Path) -> None:
    with closing(Journal(folder)) as journal:
        journal.append(LARGE)
    assert len(list((folder / "bodies").iterdir())) == 1
    assert read(folder) == wrote(SMALL, LARGE, LARGE)


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_what_a_crash_left_of_a_line_is_no_entry(folder: Path, cut: int) -> None:
    whole = (folder / "journal").read_bytes()
    (folder / "journal").write_bytes(whole + whole.splitlines(keepends=True)[0][:-cut])
    with closing(Journal(folder)) as journal:
        assert len(list(journal.entries())) == 2
        journal.append(SMALL)
    assert read(folder) == wrote(SMALL, LARGE, SMALL)


def test_a_body_that_was_being_written_is_cleared_away(folder: Path) -> None:
    (folder / "bodies" / ".incoming-x").write_bytes(b"half")
    assert read(folder) == wrote(SMALL, LARGE)
    assert not (folder / "bodies" / ".incoming-x").exists()


def test_what_was_undone_is_left_out_with_its_body(folder: Path) -> None:
    over = Entry(3, "2f" * 16, Question("PUT", "/b/large", [], (b"y" * 100_000,)))
    with closing(Journal(folder)) as journal:
        journal.append(over)
        journal.shorten(at_least=2)
        assert len(list(journal.entries())) == 3
        journal.shorten(at_least=1)
        journal.append(SMALL)
    assert read(folder) == wrote(SMALL, over, SMALL)
    assert len(list((folder / "bodies").iterdir())) == 1
    assert (folder / "journal").stat().st_mode & 0o077 == 0


def test_tokens_are_not_kept(tmp_path: Path) -> None:
    headers = [("x-amz-security-token", "secret"), ("host", "h")]
    with closing(Journal(tmp_path)) as journal:
        journal.append(Entry(1, "00", Question("PUT", "/", headers)))
        (entry,) = journal.entries()
    assert list(entry.question.headers) == [("host", "h")]


def test_only_its_owner_may_read_it(folder: Path) -> None:
    assert (folder / "journal").stat().st_mode & 0o077 == 0
    assert (folder / "bodies").stat().st_mode & 0o077 == 0
