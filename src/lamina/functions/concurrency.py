"""How much of an account's concurrency functions may claim for themselves. Pure sums; AWS's words when they fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lamina import errors


@dataclass(frozen=True, slots=True)
class Quota:
    """What an account may run at once in a region, and how much of it must stay free for whoever reserves nothing."""

    concurrent: int = 1000
    unreserved_min: int = 100


@dataclass(frozen=True, slots=True)
class Claims:
    """What is claimed in one account and region: `reserved` by function, `provisioned` by function and qualifier."""

    reserved: Mapping[str, int] = field(default_factory=dict)
    provisioned: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def provisioned_of(self, function: str, *, besides: str | None = None) -> int:
        """The provisioned sum of a function, without that of the qualifier *besides*."""
        return sum(
            count for (name, qualifier), count in self.provisioned.items() if name == function and qualifier != besides
        )

    @property
    def reserved_sum(self) -> int:
        return sum(self.reserved.values())

    @property
    def claimed(self) -> int:
        """What is not left over for those who claim nothing: provisioned lies within reserved, where there is some."""
        outside = (count for (name, _), count in self.provisioned.items() if name not in self.reserved)
        return self.reserved_sum + sum(outside)

    def on_demand(self, function: str) -> int | None:
        """How many calls of *function* may run outside provisioned environments; None: as many as are left over."""
        reserved = self.reserved.get(function)
        return None if reserved is None else max(0, reserved - self.provisioned_of(function))


def check_reservation(quota: Quota, claims: Claims, function: str, wanted: int) -> None:
    """Raise AWS's error if *function* may not reserve *wanted*; *claims* are those before."""
    provisioned = claims.provisioned_of(function)
    if wanted < provisioned:
        raise errors.invalid_parameter_value(
            f" ReservedConcurrentExecutions  {wanted} should not be lower than function's total provisioned concurrency"
            f" [{provisioned}].",
            kind=None,
        )
    after = Claims({**claims.reserved, function: wanted}, claims.provisioned)
    # Reserving nothing takes nothing away, whatever has been claimed.
    if wanted and quota.concurrent - after.claimed < quota.unreserved_min:
        raise errors.invalid_parameter_value(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{quota.unreserved_min}].",
            kind=None,
        )


def check_provision(quota: Quota, claims: Claims, function: str, qualifier: str, wanted: int) -> None:
    """Raise AWS's error if *qualifier* of *function* may not have *wanted* environments; *claims* are those before."""
    reserved = claims.reserved.get(function)
    if reserved is not None:
        if claims.provisioned_of(function, besides=qualifier) + wanted > reserved:
            raise errors.invalid_parameter_value(
                "Requested Provisioned Concurrency should not be greater than the "
                "reservedConcurrentExecution for function"
            )
        return
    others = {key: count for key, count in claims.provisioned.items() if key != (function, qualifier)}
    unreserved = quota.concurrent - Claims(claims.reserved, others).claimed
    if wanted > unreserved:
        raise errors.invalid_parameter_value(
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency "
            f"[{unreserved}].",
            kind=None,
        )
    if unreserved - wanted < quota.unreserved_min:
        raise errors.invalid_parameter_value(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
            f"minimum value of [{quota.unreserved_min}].",
            kind=None,
        )
