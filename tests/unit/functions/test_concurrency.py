"""What functions may claim of an account's concurrency: api.md 15.2, 16.3 and 16.4."""

from __future__ import annotations

import pytest

from lamina.errors import ApiError
from lamina.functions.concurrency import Claims, Quota, check_provision, check_reservation

QUOTA = Quota(1000, 100)
RESERVED_TOO_MUCH = (
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
    "minimum value of [100]."
)


def refused(check: object, *arguments: object) -> tuple[str, str | None]:
    assert callable(check)
    with pytest.raises(ApiError) as caught:
        check(*arguments)
    assert (caught.value.code, caught.value.status) == ("InvalidParameterValueException", 400)
    return str(caught.value.message), caught.value.kind


def test_15_2_a_reservation_leaves_the_minimum_to_others() -> None:
    check_reservation(QUOTA, Claims(), "f", 900)
    assert refused(check_reservation, QUOTA, Claims(), "f", 901) == (RESERVED_TOO_MUCH, None)
    assert refused(check_reservation, QUOTA, Claims({"g": 500}), "f", 401) == (RESERVED_TOO_MUCH, None)
    assert refused(check_reservation, QUOTA, Claims({}, {("g", "1"): 500}), "f", 401) == (RESERVED_TOO_MUCH, None)


def test_15_2_a_functions_own_reservation_is_replaced_not_added() -> None:
    check_reservation(QUOTA, Claims({"f": 900}), "f", 900)


def test_15_2_zero_is_always_allowed() -> None:
    check_reservation(QUOTA, Claims({"g": 900}, {("h", "1"): 50}), "f", 0)


def test_15_2_a_reservation_is_no_lower_than_what_is_provisioned() -> None:
    claims = Claims({}, {("f", "1"): 1, ("f", "live"): 1, ("g", "1"): 7})
    words = " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2]."
    assert refused(check_reservation, QUOTA, claims, "f", 1) == (words, None)
    check_reservation(QUOTA, claims, "f", 2)


def test_16_3_provisioned_fits_into_reserved_new_or_increased() -> None:
    claims = Claims({"f": 3}, {("f", "1"): 2})
    check_provision(QUOTA, claims, "f", "1", 3)
    check_provision(QUOTA, claims, "f", "2", 1)
    words = "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
    assert refused(check_provision, QUOTA, claims, "f", "2", 2) == (words, "User")
    assert refused(check_provision, QUOTA, claims, "f", "1", 4) == (words, "User")


def test_16_4_the_account_bounds_what_is_provisioned_in_two_ways() -> None:
    claims = Claims({"g": 300}, {("f", "1"): 600})
    check_provision(QUOTA, claims, "f", "1", 600)
    assert refused(check_provision, QUOTA, claims, "f", "1", 701) == (
        "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [700].",
        None,
    )
    assert refused(check_provision, QUOTA, claims, "f", "1", 700) == (
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
        "minimum value of [100].",
        None,
    )


def test_15_3_what_is_reserved_and_not_provisioned_is_left_for_other_calls() -> None:
    claims = Claims({"f": 3, "g": 2}, {("f", "1"): 1, ("g", "1"): 2})
    assert [claims.on_demand(name) for name in ("f", "g", "h")] == [2, 0, None]
    assert claims.claimed == 5
