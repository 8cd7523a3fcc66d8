"""How many calls are under way, by function: who is let in, and who is told that a limit is reached. Pure counting."""

from __future__ import annotations

from collections import Counter

from lamina.names import FunctionArn, Scope
from lamina.values import dataclass

RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
SHARED = "ConcurrentInvocationLimitExceeded"
EVENTS = "FunctionInvocationRateLimitExceeded"
CALLERS = "CallerRateLimitExceeded"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a function may have at once: `own` where some is reserved for it, else part of what is `shared`."""

    own: int | None
    shared: int


@dataclass(frozen=True, slots=True)
class Slot:
    """A call that was let in; hand it back to `leave`."""

    function: FunctionArn
    own: bool


class Admission:
    """Counts calls of functions (unqualified: all versions together)."""

    def __init__(self) -> None:
        self._own: Counter[FunctionArn] = Counter()
        self._shared: Counter[Scope] = Counter()

    def enter(self, function: FunctionArn, limits: Limits) -> Slot | str:
        """A slot for one call, or the reason why there is none."""
        if limits.own is not None:
            if self._own[function] >= limits.own:
                return RESERVED
            self._own[function] += 1
            return Slot(function, own=True)
        under_way = self._shared[function.scope]
        if under_way >= limits.shared:
            return SHARED
        self._shared[function.scope] = under_way + 1
        return Slot(function, own=False)

    def leave(self, slot: Slot) -> None:
        """The call is over."""
        if slot.own:
            self._own[slot.function] -= 1
            if not self._own[slot.function]:
                del self._own[slot.function]
        else:
            self._shared[slot.function.scope] -= 1
