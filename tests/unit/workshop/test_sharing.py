"""Who is let in, and what that takes where."""

from __future__ import annotations

import pytest

from lamina.names import LayerVersionArn
from lamina.workshop.errors import WorkshopError
from lamina.workshop.publishing import Attributes, Permission
from lamina.workshop.sharing.plans import ACTION, Audience, RegionPlan, SharedVersion, audiences, plan

ONE, OTHER = Audience("111111111111"), Audience("222222222222")
ORG, EVERYBODY = Audience("*", "o-a1b2c3d4e5"), Audience("*")


def version(*permissions: Permission) -> SharedVersion:
    arn = LayerVersionArn.parse("arn:aws:lambda:us-east-1:123456789012:layer:shared:7")
    return SharedVersion(arn, Attributes("digest"), permissions)


def test_everybody_named_is_let_in_once() -> None:
    found = audiences(["222222222222", "111111111111", "222222222222"], ["o-a1b2c3d4e5"], public=True)
    assert found == (OTHER, ONE, ORG, EVERYBODY)


@pytest.mark.parametrize(
    ("accounts", "organizations"), [(["12345678901"], []), (["\u0661" * 12], []), (["*"], []), ([], ["r-1234"])]
)
def test_what_is_no_account_and_no_organisation_is_refused(accounts: list[str], organizations: list[str]) -> None:
    with pytest.raises(WorkshopError, match="is no"):
        audiences(accounts, organizations, public=False)


def test_a_region_without_the_bytes_gets_a_version_and_every_grant() -> None:
    found = plan("eu-west-1", None, [ONE, ORG])
    assert found.version is None
    assert found.grants == (
        Permission("lamina-111111111111", ACTION, "111111111111"),
        Permission("lamina-o-a1b2c3d4e5", ACTION, "*", "o-a1b2c3d4e5"),
    )


def test_what_is_allowed_already_is_not_added_whatever_its_statement_is_called() -> None:
    there = version(Permission("by-hand", ACTION, "111111111111"), Permission("all", ACTION, "*", "o-a1b2c3d4e5"))
    assert plan("us-east-1", there, [ONE, ORG]) == RegionPlan("us-east-1", there, ())
    # An organisation is not everybody, and everybody is no organisation.
    assert plan("us-east-1", there, [EVERYBODY]).grants == (Permission("lamina-everybody", ACTION, "*"),)


def test_a_name_that_somebody_gave_to_another_statement_is_left_to_it() -> None:
    there = version(
        Permission("lamina-111111111111", ACTION, "222222222222"),
        Permission("lamina-111111111111-2", ACTION, "333333333333"),
    )
    assert plan("us-east-1", there, [ONE]).grants == (Permission("lamina-111111111111-3", ACTION, "111111111111"),)
