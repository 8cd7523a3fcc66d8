"""`lamina account`: who may call a server that verifies its callers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.failures import Failure

if TYPE_CHECKING:
    from lamina.accounts import AccessKey, Policy, Register

account = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_ACCOUNT = "The account's id, of 12 digits."
_NEW = "The account's id, of 12 digits; one that is there already gets another user.  [default: one that nobody has]"
_USER = "Name of the user in the account."
_POLICY = "What the user's keys may do: full, read-only, deploy-only or invoke-only."
_ORGANIZATION = "The organisation that the account is a member of, such as o-a1b2c3d4e5: layers are shared with such."
_KEY = "Of the user's keys only this one."
_FILE = "The accounts file.  [default: accounts.json in the state folder]"
_STATE = "The server's state folder.  [default: as for lamina up]"
_JSON = "Print the same as JSON."

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help=_ACCOUNT)]
File = Annotated[str | None, typer.Option("--accounts", metavar="FILE", help=_FILE)]
State = Annotated[str | None, typer.Option("--state", metavar="DIR", help=_STATE)]
Json = Annotated[bool, typer.Option("--json", help=_JSON)]
User = Annotated[str, typer.Option("--user", metavar="NAME", help=_USER)]


@account.callback()
def about() -> None:
    """Keep the accounts by whose keys a server verifies who calls it.

    A server that has an accounts file answers nobody who does not sign with a key in it; one that listens to other
    machines does not start without. A running server notices changes by itself.

    \b
    Examples:
      lamina account add 111122223333
      lamina account add 111122223333 --user ci --policy deploy-only
      lamina account list
    """


@account.command("add")
def add(
    id_: Annotated[str | None, typer.Argument(metavar="ACCOUNT", help=_NEW)] = None,
    user: User = "admin",
    policy: Annotated[str, typer.Option(metavar="POLICY", help=_POLICY)] = "full",
    organization: Annotated[str | None, typer.Option("--org", metavar="ID", help=_ORGANIZATION)] = None,
    file: File = None,
    state: State = None,
    as_json: Json = False,
) -> None:
    """Add a user, and the account if there is none, and print the user's key: its secret is shown this once.

    \b
    Examples:
      lamina account add
      lamina account add 111122223333 --user ci --policy deploy-only
      eval "$(lamina account add 444455556666 --org o-a1b2c3d4e5)"
    """
    key = _new_key()
    chosen = _policy(policy)

    def change(register: Register) -> Register:
        nonlocal id_
        id_ = id_ or _free_id(register)
        return register.added(id_, user, chosen, key, organization)

    _change(file, state, change)
    assert id_ is not None, "the change has chosen one"
    _show_key(id_, user, key, as_json)


@account.command("rotate")
def rotate(id_: Account, user: User = "admin", file: File = None, state: State = None, as_json: Json = False) -> None:
    """Give a user another key, and print it: its secret is shown this once.

    The key before goes on to work until `lamina account remove ACCOUNT --key KEY` takes it away.

    \b
    Examples:
      lamina account rotate 111122223333 --user ci
    """
    key = _new_key()
    _change(file, state, lambda register: register.rotated(id_, user, key))
    _show_key(id_, user, key, as_json)


@account.command("remove")
def remove(
    id_: Account,
    user: Annotated[str | None, typer.Option(metavar="NAME", help=f"{_USER} Without it, all of them.")] = None,
    key: Annotated[str | None, typer.Option(metavar="KEY", help=_KEY)] = None,
    file: File = None,
    state: State = None,
) -> None:
    """Take away a key, a user, or an account with all its users, and the sessions that these have begun.

    What is in the account stays, and is there again when the account is added again.

    \b
    Examples:
      lamina account remove 111122223333 --key AKIAIOSFODNN7EXAMPLE
      lamina account remove 111122223333 --user ci
      lamina account remove 111122223333
    """
    _change(file, state, lambda register: register.without(id_, user, key))
    what = " and ".join(part for part in (key and f"key {key}", user and f"user {user}") if part)
    print(f"{what} of account {id_} may call no longer" if what else f"account {id_} may call no longer")


@account.command("policy")
def policy(
    id_: Account,
    policy_: Annotated[str, typer.Argument(metavar="POLICY", help=_POLICY)],
    user: User = "admin",
    file: File = None,
    state: State = None,
) -> None:
    """Say what a user's keys may do in the account: full, read-only, deploy-only or invoke-only.

    \b
    Examples:
      lamina account policy 111122223333 read-only --user auditor
      lamina account policy 111122223333 deploy-only --user ci
    """
    chosen = _policy(policy_)
    _change(file, state, lambda register: register.with_policy(id_, user, chosen))
    print(f"user {user} of account {id_}: {chosen}")


@account.command("list")
def show(file: File = None, state: State = None, as_json: Json = False) -> None:
    """List accounts, users and the ids of their keys; secrets are never shown.

    \b
    Examples:
      lamina account list
      lamina account list --json
    """
    from lamina.accounts import Register, read

    path = _path(file, state)
    with _explained():
        register = read(path) if path.exists() else Register()
    if as_json:
        document = json.loads(register.printed())
        for key in (key for one in document["accounts"] for user in one["users"] for key in user["keys"]):
            del key["secret"]
        print(json.dumps({"file": str(path), "accounts": document["accounts"]}, indent=2))
        return
    if not register.accounts:
        print(f"there are no accounts in {path}")
    for one in register.accounts:
        print(f"{one.id}  {one.organization or 'of no organisation'}")
        for user in one.users:
            print(f"  {user.name}  {user.policy}")
            for key in user.keys:
                print(f"    {key.id}  since {key.created}")


def _path(file: str | None, state: str | None) -> Path:
    from lamina.settings import Settings

    return Settings.read(os.environ, {"accounts": file, "state_dir": state}, root=os.geteuid() == 0).accounts_file


def _change(file: str | None, state: str | None, change: Callable[[Register], Register]) -> None:
    from lamina.accounts import update

    with _explained():
        update(_path(file, state), change)


@contextmanager
def _explained() -> Iterator[None]:
    from lamina.accounts import BadAccounts

    try:
        yield
    except BadAccounts as error:
        raise Failure(str(error), error.hint) from error
    except OSError as error:
        raise Failure(
            f"no accounts can be kept in {error.filename}: {error.strerror}", code=Failure.NOT_POSSIBLE_HERE
        ) from error


def _policy(text: str) -> Policy:
    from lamina.accounts import Policy

    if text not in list(Policy):
        raise Failure(f"there is no policy {text!r}", f"There are {', '.join(Policy)}.", Failure.USAGE)
    return Policy(text)


def _new_key() -> AccessKey:
    import secrets
    from datetime import UTC, datetime

    from lamina.accounts import AccessKey

    return AccessKey.new(secrets.token_bytes, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")


def _free_id(register: Register) -> str:
    import secrets

    while True:
        # AWS's begin with no zero either.
        found = str(10**11 + secrets.randbelow(9 * 10**11))
        if register.account(found) is None:
            return found


def _show_key(id_: str, user: str, key: AccessKey, as_json: bool) -> None:
    if as_json:
        shown = {"account": id_, "user": user, "access_key_id": key.id, "secret_access_key": key.secret}
        print(json.dumps(shown, indent=2))
        return
    print(f"# user {user} of account {id_}; the secret is shown this once")
    print(f"export AWS_ACCESS_KEY_ID={key.id}")
    print(f"export AWS_SECRET_ACCESS_KEY={key.secret}")
