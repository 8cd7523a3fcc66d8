"""Accounts, users and access keys, in AWS's nouns: read from the accounts file's text, changed, printed again. Pure.

A user has one key, or two while one takes the other's place: AWS's own limit, so that whoever replaces a key can have
both work for a while.
"""

from __future__ import annotations

import json
import re
from base64 import b32encode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from lamina.accounts.policies import Policy

FORMAT: Final = 1
KEYS_MAX: Final = 2
DEFAULT_USER: Final = "admin"
_ACCOUNT: Final = re.compile(r"\d{12}", re.ASCII)
_ORGANIZATION: Final = re.compile(r"o-[a-z0-9]{10,32}", re.ASCII)
_USER: Final = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
# As AWS has it. Twelve digits would be the id of an account, wherever keys are not looked up.
_KEY_ID: Final = re.compile(r"\w{16,128}", re.ASCII)
_SECRET: Final = re.compile(r"[!-~]{16,128}", re.ASCII)


class BadAccounts(Exception):
    """The accounts cannot be read, or not be changed so; the text says where and why, and tells no secret."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What a user signs with; `created` in ISO 8601. Its secret is in no `repr`."""

    id: str
    secret: str = field(repr=False)
    created: str = ""

    @classmethod
    def new(cls, random: Callable[[int], bytes], created: str) -> AccessKey:
        """A key that nobody has, from as much as it takes of *random* bytes, which must be fit for secrets."""
        return cls(f"AKIA{b32encode(random(10)).decode()}", b64encode(random(30)).decode(), created)


@dataclass(frozen=True, slots=True)
class User:
    """Whoever signs with `keys`; `policy` says what these are good for."""

    name: str
    policy: Policy
    keys: tuple[AccessKey, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and the organisation of AWS Organizations that it counts as a member of, if any."""

    id: str
    organization: str | None
    users: tuple[User, ...]

    def user(self, name: str) -> User | None:
        return next((user for user in self.users if user.name == name), None)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose a key is. `arn` and `id` name the user, or the session of a role that the user assumed."""

    account: str
    user: str
    policy: Policy
    arn: str
    id: str

    @classmethod
    def of(cls, account: str, user: User) -> Identity:
        """That of *user* in *account*; whoever has the name has the id."""
        named = f"{account}:user/{user.name}"
        unique = b32encode(sha256(named.encode()).digest()).decode()[:17]
        return cls(account, user.name, user.policy, f"arn:aws:iam::{named}", f"AIDA{unique}")


@dataclass(frozen=True)
class Register:
    """All accounts, in the order they were added."""

    accounts: tuple[Account, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Register:
        """What the accounts file says. Raises BadAccounts."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise BadAccounts("it is no JSON") from None
        if _member(document, "format", int, "it") != FORMAT:
            raise BadAccounts(f"it is of format {document['format']}, and this Lamina reads format {FORMAT}")
        accounts = [_account(each, f"accounts[{at}]") for at, each in enumerate(_list(document, "accounts", "it"))]
        _all_different([account.id for account in accounts], "accounts")
        _all_different([key.id for account in accounts for user in account.users for key in user.keys], "access keys")
        return cls(tuple(accounts))

    def printed(self) -> str:
        """The accounts file's text, which `parse` reads."""
        return json.dumps({"format": FORMAT, "accounts": [_printed(each) for each in self.accounts]}, indent=2) + "\n"

    def account(self, id: str) -> Account | None:  # noqa: A002 - AWS's word for it
        return self._accounts.get(id)

    def organization(self, account: str) -> str | None:
        """The organisation that *account* is a member of, None for one of none and for no account of these."""
        found = self._accounts.get(account)
        return None if found is None else found.organization

    def key(self, id: str) -> tuple[AccessKey, Identity] | None:  # noqa: A002 - AWS's word for it
        """The access key called *id*, and whose it is."""
        return self._keys.get(id)

    def added(self, account: str, user: str, policy: Policy, key: AccessKey, organization: str | None) -> Register:
        """With *user* in *account*, which may be a new one. *organization* is kept as it was where it is None."""
        if _ACCOUNT.fullmatch(account) is None:
            raise BadAccounts(f"{account!r} is no account: AWS's have 12 digits, such as 111122223333")
        if _USER.fullmatch(user) is None:
            raise BadAccounts(f"{user!r} is no name of a user: up to 64 letters, digits and _+=,.@- make one")
        if organization is not None and _ORGANIZATION.fullmatch(organization) is None:
            raise BadAccounts(f"{organization!r} is no organisation: AWS names them such as o-a1b2c3d4e5")
        before = self._accounts.get(account) or Account(account, None, ())
        if before.user(user) is not None:
            raise BadAccounts(
                f"account {account} has a user {user}",
                f"`lamina account rotate {account} --user {user}` makes another key, "
                f"`lamina account add {account} --user NAME` another user.",
            )
        users = (*before.users, User(user, policy, (key,)))
        return self._with(replace(before, organization=organization or before.organization, users=users))

    def rotated(self, account: str, user: str, key: AccessKey) -> Register:
        """With *key* beside the one that *user* has."""
        before = self._user(account, user)
        if len(before.keys) >= KEYS_MAX:
            older = min(before.keys, key=lambda each: each.created)
            raise BadAccounts(
                f"user {user} of account {account} has {KEYS_MAX} keys already, which is as many as AWS allows",
                f"Remove the one that nobody uses any more: lamina account remove {account} --key {older.id}",
            )
        return self._with_user(account, replace(before, keys=(*before.keys, key)))

    def with_policy(self, account: str, user: str, policy: Policy) -> Register:
        """With another *policy* for *user*."""
        return self._with_user(account, replace(self._user(account, user), policy=policy))

    def without(self, account: str, user: str | None = None, key: str | None = None) -> Register:
        """Without *key* of *account*, else without *user*, else without all of it. The last key takes its user along,
        the last user the account: what the account has is still there when it is added again.
        """
        before = self._found(account)
        if key is not None:
            owner = next((each for each in before.users if any(one.id == key for one in each.keys)), None)
            if owner is None or user not in (None, owner.name):
                whose = f"account {account}" if user is None else f"user {user} of account {account}"
                raise BadAccounts(f"{whose} has no key {key}", _LIST)
            kept = tuple(one for one in owner.keys if one.id != key)
            if kept:
                return self._with_user(account, replace(owner, keys=kept))
            user = owner.name
        users = () if user is None else tuple(one for one in before.users if one != self._user(account, user))
        if users:
            return self._with(replace(before, users=users))
        return Register(tuple(one for one in self.accounts if one.id != account))

    @cached_property
    def _accounts(self) -> Mapping[str, Account]:
        return {account.id: account for account in self.accounts}

    @cached_property
    def _keys(self) -> Mapping[str, tuple[AccessKey, Identity]]:
        return {
            key.id: (key, Identity.of(account.id, user))
            for account in self.accounts
            for user in account.users
            for key in user.keys
        }

    def _found(self, account: str) -> Account:
        found = self._accounts.get(account)
        if found is None:
            raise BadAccounts(f"there is no account {account}", _LIST)
        return found

    def _user(self, account: str, user: str) -> User:
        found = self._found(account).user(user)
        if found is None:
            raise BadAccounts(f"account {account} has no user {user}", _LIST)
        return found

    def _with(self, account: Account) -> Register:
        if account.id not in self._accounts:
            return Register((*self.accounts, account))
        return Register(tuple(account if one.id == account.id else one for one in self.accounts))

    def _with_user(self, account: str, user: User) -> Register:
        before = self._found(account)
        return self._with(replace(before, users=tuple(user if u.name == user.name else u for u in before.users)))


_LIST: Final = "`lamina account list` shows those there are."


def _account(document: Any, where: str) -> Account:
    organization = document.get("organization") if isinstance(document, dict) else None
    if organization is not None:
        _matching(document, "organization", _ORGANIZATION, where)
    listed = _list(document, "users", where)
    users = tuple(_user(each, f"{where}.users[{at}]") for at, each in enumerate(listed))
    _all_different([user.name for user in users], f"{where}.users")
    return Account(_matching(document, "id", _ACCOUNT, where), organization, users)


def _user(document: Any, where: str) -> User:
    policy = _member(document, "policy", str, where)
    if policy not in list(Policy):
        raise BadAccounts(f"{where}.policy is {policy!r}, but must be one of {', '.join(Policy)}")
    listed = _list(document, "keys", where)
    if not 1 <= len(listed) <= KEYS_MAX:
        raise BadAccounts(f"{where}.keys are {len(listed)}, but must be one or {KEYS_MAX}")
    keys = tuple(_key(each, f"{where}.keys[{at}]") for at, each in enumerate(listed))
    return User(_matching(document, "name", _USER, where), Policy(policy), keys)


def _key(document: Any, where: str) -> AccessKey:
    secret = _member(document, "secret", str, where)
    if _SECRET.fullmatch(secret) is None:
        raise BadAccounts(f"{where}.secret must be 16 to 128 printable characters of ASCII, without blanks")
    return AccessKey(_matching(document, "id", _KEY_ID, where), secret, _member(document, "created", str, where))


def _member(document: Any, name: str, kind: type, where: str) -> Any:
    value = document.get(name) if isinstance(document, dict) else None
    # A bool is an int to Python, and to nobody else.
    if not isinstance(value, kind) or isinstance(value, bool):
        raise BadAccounts(f"{where} has no {name}, or not one of the kind that belongs there")
    return value


def _list(document: Any, name: str, where: str) -> list[Any]:
    found: list[Any] = _member(document, name, list, where)
    return found


def _matching(document: Any, name: str, pattern: re.Pattern[str], where: str) -> str:
    text: str = _member(document, name, str, where)
    if pattern.fullmatch(text) is None:
        raise BadAccounts(f"{where}.{name} is {text!r}, which does not match {pattern.pattern}")
    return text


def _all_different(names: list[str], where: str) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadAccounts(f"{where}: {', '.join(twice)} is there twice")


def _printed(account: Account) -> dict[str, Any]:
    users = [
        {
            "name": user.name,
            "policy": str(user.policy),
            "keys": [{"id": key.id, "secret": key.secret, "created": key.created} for key in user.keys],
        }
        for user in account.users
    ]
    organization = {} if account.organization is None else {"organization": account.organization}
    return {"id": account.id, **organization, "users": users}
