"""Who may call: accounts, their users, the keys these sign with, and what a key may be used for."""

from __future__ import annotations

from lamina.accounts.files import AccountsFile, read, update
from lamina.accounts.policies import Policy, check_allowed
from lamina.accounts.register import AccessKey, Account, BadAccounts, Identity, Register, User

__all__ = [
    "AccessKey",
    "Account",
    "AccountsFile",
    "BadAccounts",
    "Identity",
    "Policy",
    "Register",
    "User",
    "check_allowed",
    "read",
    "update",
]
