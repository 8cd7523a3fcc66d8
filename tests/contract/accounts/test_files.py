"""The accounts file on disk: whole at any moment, its owner's alone, read again when it is another."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lamina.accounts import AccessKey, AccountsFile, BadAccounts, Policy, Register, read, update

pytestmark = pytest.mark.anybody

ACCOUNT = "111122223333"


def key(number: int) -> AccessKey:
    return AccessKey(f"AKIAEXAMPLEKEY{number:06}", "a-secret-of-sixteen-and-more", "2026-11-21T00:00:00Z")


def add(path: Path, number: int) -> Register:
    return update(path, lambda before: before.added(ACCOUNT, f"user{number}", Policy.FULL, key(number), None))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "accounts.json"


def test_the_file_is_its_owners_alone_and_nothing_else_is_left(path: Path) -> None:
    added = add(path, 1)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert os.listdir(path.parent) == [path.name]
    assert read(path) == added


def test_changes_at_the_same_time_are_all_there(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: add(path, number), range(16)))
    account = read(path).account(ACCOUNT)
    assert account is not None
    assert {user.name for user in account.users} == {f"user{number}" for number in range(16)}


def test_a_change_that_fails_leaves_everything_as_it_was(path: Path) -> None:
    before = add(path, 1)
    with pytest.raises(BadAccounts, match="has a user user1"):
        add(path, 1)
    assert read(path) == before
    assert os.listdir(path.parent) == [path.name]


def test_a_change_is_seen_with_the_next_look(path: Path) -> None:
    add(path, 1)
    accounts = AccountsFile(path)
    assert accounts.register.key(key(2).id) is None
    add(path, 2)
    assert accounts.register.key(key(2).id) is not None
    update(path, lambda before: before.without(ACCOUNT, "user1"))
    assert accounts.register.key(key(1).id) is None


@pytest.mark.parametrize("harm", ["open to others", "no longer JSON", "gone"])
def test_what_cannot_be_read_leaves_in_force_what_was_and_is_said_once(
    path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = add(path, 1)
    accounts = AccountsFile(path)
    if harm == "open to others":
        path.chmod(0o640)
    elif harm == "gone":
        path.unlink()
    else:
        path.write_text("{")
    for _ in range(3):
        assert accounts.register == before
    assert len(caplog.messages) == 1
    assert "stay in force" in caplog.messages[0]
    assert key(1).secret not in caplog.text
    with pytest.raises(BadAccounts):
        AccountsFile(path)
    path.unlink(missing_ok=True)
    assert accounts.register == before
    add(path, 2)
    assert accounts.register.key(key(2).id) is not None


def test_a_file_that_is_too_long_to_be_one_is_refused(path: Path) -> None:
    add(path, 1)
    with path.open("r+b") as file:
        file.truncate(17 * 1024 * 1024)
    with pytest.raises(BadAccounts, match="longer than"):
        read(path)
