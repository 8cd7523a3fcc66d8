"""Who is to use a layer version where, and what that takes. Decided here, without asking anybody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lamina.names import LayerVersionArn
from lamina.workshop.errors import WorkshopError
from lamina.workshop.publishing import Attributes, Permission

# The one action that a layer version's policy can allow.
ACTION: Final = "lambda:GetLayerVersion"
_EVERYBODY: Final = "*"
_ACCOUNT: Final = re.compile(r"\d{12}", re.ASCII)
_ORGANIZATION: Final = re.compile(r"o-[a-z0-9]{10,32}")


@dataclass(frozen=True, slots=True, order=True)
class Audience:
    """Whom a statement lets in: an account, every account of an *organization*, or everybody."""

    principal: str
    organization: str = ""

    @classmethod
    def of(cls, permission: Permission) -> Audience:
        """Whom *permission* lets in."""
        return cls(permission.principal, permission.organization)

    @property
    def name(self) -> str:
        """For a person: "123456789012", "o-a1b2c3d4e5" or "everybody"."""
        if self.organization:
            return self.organization
        return "everybody" if self.principal == _EVERYBODY else self.principal

    @property
    def sid(self) -> str:
        """The id of the statement that lets them in, the same whenever it is added."""
        return f"lamina-{self.name}"


@dataclass(frozen=True, slots=True)
class SharedVersion:
    """A layer version as its region tells of it; another region counts its versions for itself."""

    arn: LayerVersionArn
    attributes: Attributes
    permissions: tuple[Permission, ...] = ()


@dataclass(frozen=True, slots=True)
class RegionPlan:
    """What sharing takes in *region*: a new version unless `version` is the same already, and statements to add."""

    region: str
    version: SharedVersion | None
    grants: tuple[Permission, ...]


def audiences(accounts: Iterable[str], organizations: Iterable[str], *, public: bool) -> tuple[Audience, ...]:
    """Whom the options of a command mean, each once. Raises WorkshopError for what is no account or organisation."""
    found: list[Audience] = []
    for account in accounts:
        if not _ACCOUNT.fullmatch(account):
            raise WorkshopError(f"{account!r} is no account", "An account has 12 digits.", WorkshopError.USAGE)
        found.append(Audience(account))
    for organization in organizations:
        if not _ORGANIZATION.fullmatch(organization):
            hint = "AWS Organizations names them, such as o-a1b2c3d4e5."
            raise WorkshopError(f"{organization!r} is no organisation", hint, WorkshopError.USAGE)
        found.append(Audience(_EVERYBODY, organization))
    return tuple(dict.fromkeys([*found, *([Audience(_EVERYBODY)] if public else [])]))


def plan(region: str, version: SharedVersion | None, wanted: Sequence[Audience]) -> RegionPlan:
    """What it takes that *wanted* may use the layer in *region*, where *version* has the same bytes already, if any.

    What is allowed already is not added again, whatever its statement is called; nothing is ever taken away.
    """
    allowed = set() if version is None else let_in(version)
    taken = set() if version is None else {permission.sid for permission in version.permissions}
    return RegionPlan(region, version, tuple(_grant(each, taken) for each in wanted if each not in allowed))


def _grant(audience: Audience, taken: set[str]) -> Permission:
    sid, number = audience.sid, 1
    while sid in taken:
        # Somebody gave the name to a statement of another meaning, which stays as it is.
        number += 1
        sid = f"{audience.sid}-{number}"
    return Permission(sid, ACTION, audience.principal, audience.organization)


def let_in(version: SharedVersion) -> set[Audience]:
    """Whom the policy of *version* lets in."""
    return {Audience.of(permission) for permission in version.permissions if permission.action == ACTION}


def order(audience: Audience) -> tuple[int, str]:
    """To sort by: accounts first, then organisations, then everybody."""
    if audience.principal != _EVERYBODY:
        return 0, audience.principal
    return (1, audience.organization) if audience.organization else (2, "")
