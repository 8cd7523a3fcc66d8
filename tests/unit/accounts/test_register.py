"""The accounts: what the file says, and every change to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lamina.accounts import AccessKey, BadAccounts, Policy, Register

pytestmark = pytest.mark.anybody

ACCOUNT, OTHER = "111122223333", "444455556666"
ORGANIZATION = "o-a1b2c3d4e5"


def key(number: int = 1) -> AccessKey:
    return AccessKey(f"AKIAEXAMPLEKEY{number:06}", f"a-secret-of-the-{number:024}", f"2026-11-21T00:00:{number:02}Z")


def register() -> Register:
    return Register().added(ACCOUNT, "admin", Policy.FULL, key(), None)


def test_what_was_printed_is_read_back() -> None:
    printed = register().added(OTHER, "ci", Policy.DEPLOY_ONLY, key(2), ORGANIZATION).rotated(OTHER, "ci", key(3))
    assert Register.parse(printed.printed()) == printed


def test_a_key_is_a_users_and_an_account_of_its_organisation() -> None:
    found = register().added(OTHER, "ci", Policy.READ_ONLY, key(2), ORGANIZATION)
    held = found.key(key(2).id)
    assert held is not None
    assert held[0] == key(2)
    assert (held[1].account, held[1].arn, held[1].policy) == (OTHER, f"arn:aws:iam::{OTHER}:user/ci", Policy.READ_ONLY)
    assert (found.organization(OTHER), found.organization(ACCOUNT), found.organization("0" * 12)) == (
        ORGANIZATION,
        None,
        None,
    )
    assert found.key("AKIANOBODYHASTHIS") is None


def test_another_user_leaves_the_accounts_organisation_as_it_is() -> None:
    both = (
        Register().added(ACCOUNT, "a", Policy.FULL, key(), ORGANIZATION).added(ACCOUNT, "b", Policy.FULL, key(2), None)
    )
    assert both.organization(ACCOUNT) == ORGANIZATION


def test_two_keys_work_at_once_and_a_third_is_refused_naming_the_older() -> None:
    rotated = register().rotated(ACCOUNT, "admin", key(2))
    assert rotated.key(key(1).id)
    assert rotated.key(key(2).id)
    with pytest.raises(BadAccounts, match="2 keys already") as caught:
        rotated.rotated(ACCOUNT, "admin", key(3))
    assert key(1).id in str(caught.value.hint)
    assert rotated.without(ACCOUNT, key=key(1).id) == Register().added(ACCOUNT, "admin", Policy.FULL, key(2), None)


def test_the_last_key_takes_its_user_along_and_the_last_user_the_account() -> None:
    both = register().added(ACCOUNT, "ci", Policy.FULL, key(2), None)
    assert both.without(ACCOUNT, key=key(2).id) == register()
    assert both.without(ACCOUNT, user="ci") == register()
    assert both.without(ACCOUNT) == register().without(ACCOUNT, user="admin") == Register()


def test_a_policy_is_changed_for_all_keys_of_a_user() -> None:
    changed = register().rotated(ACCOUNT, "admin", key(2)).with_policy(ACCOUNT, "admin", Policy.READ_ONLY)
    for each in (key(1), key(2)):
        held = changed.key(each.id)
        assert held is not None
        assert held[1].policy is Policy.READ_ONLY


def test_what_cannot_be_is_refused() -> None:
    before = register()
    changes: tuple[Callable[[], Register], ...] = (
        lambda: before.added(ACCOUNT, "admin", Policy.FULL, key(2), None),
        lambda: before.added("12345", "admin", Policy.FULL, key(2), None),
        lambda: before.added(OTHER, "no blanks", Policy.FULL, key(2), None),
        lambda: before.added(OTHER, "admin", Policy.FULL, key(2), "my-team"),
        lambda: before.rotated(OTHER, "admin", key(2)),
        lambda: before.with_policy(ACCOUNT, "ci", Policy.FULL),
        lambda: before.without(OTHER),
        lambda: before.without(ACCOUNT, user="ci"),
        lambda: before.without(ACCOUNT, key=key(2).id),
        lambda: before.without(ACCOUNT, user="ci", key=key(1).id),
    )
    for change in changes:
        with pytest.raises(BadAccounts):
            change()


def test_a_new_key_is_of_awss_form_and_told_by_nothing_that_prints_it() -> None:
    made = AccessKey.new(lambda count: bytes(range(count)), "now")
    assert len(made.id) == 20
    assert made.id.startswith("AKIA")
    assert len(made.secret) == 40
    assert made.secret not in repr(made)
    assert made.secret not in repr(register().added(OTHER, "admin", Policy.FULL, made, None))


def document(**changes: Any) -> dict[str, Any]:
    user = {"name": "admin", "policy": "full", "keys": [{"id": key().id, "secret": key().secret, "created": "x"}]}
    account = {"id": ACCOUNT, "users": [user | changes.pop("user", {})]} | changes.pop("account", {})
    return {"format": 1, "accounts": [account]} | changes


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ([], "no format"),
        ({"format": 2, "accounts": []}, "format 2"),
        ({"format": True, "accounts": []}, "no format"),
        ({"format": 1, "accounts": {}}, "no accounts"),
        (document(account={"id": "12"}), r"accounts\[0\].id is '12'"),
        (document(account={"organization": "team"}), "organization is 'team'"),
        (document(account={"organization": 5}), "no organization"),
        (document(user={"policy": "everything"}), "must be one of full, read-only"),
        (document(user={"keys": []}), "keys are 0"),
        (document(user={"keys": [{"id": "short", "secret": key().secret, "created": "x"}]}), "id is 'short'"),
        (document(user={"keys": [{"id": key().id, "secret": "short", "created": "x"}]}), "secret must be"),
        (document(user={"keys": [{"id": key().id, "secret": key().secret}]}), "no created"),
        (document(accounts=document()["accounts"] * 2), f"{ACCOUNT} is there twice"),
        (
            document(accounts=document()["accounts"] + document(account={"id": OTHER})["accounts"]),
            f"{key().id} is there twice",
        ),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_what_is_wrong_with_it_and_never_with_a_secret(
    wrong: Any, told: str
) -> None:
    with pytest.raises(BadAccounts, match=told) as caught:
        Register.parse(json.dumps(wrong))
    assert key().secret not in str(caught.value)


def test_what_is_no_json_is_refused() -> None:
    for text in ("", "{", "[" * 100_000):
        with pytest.raises(BadAccounts, match="no JSON"):
            Register.parse(text)
