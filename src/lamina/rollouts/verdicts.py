"""Whether a target does as well with its new layers as it did before. What failed before is not held against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lamina.rollouts.journal import Baked, Record, Sample, Trouble, Troubled
from lamina.rollouts.plans import Verification
from lamina.rollouts.steps import Bake

# What an invocation takes varies by this much for no reason; a fraction of a millisecond doubled is no regression.
_SLOWER_MS_MIN: Final = 50.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`why` it failed, in a sentence, or None; `note` is what to tell all the same."""

    why: str | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Rates:
    """How many invocations there were in a while, and how many of them failed."""

    invocations: int
    errors: int

    @property
    def share(self) -> float:
        """Of failed ones among all; 0 where there were none."""
        return self.errors / self.invocations if self.invocations else 0.0

    def without(self, some: Rates) -> Rates:
        """The others; never fewer than none, for metrics do not come all at once."""
        return Rates(max(0, self.invocations - some.invocations), max(0, self.errors - some.errors))


def sample_verdict(verification: Verification, before: Sample | None, after: Sample | None) -> Verdict:
    """What two samples of a target come to; either is None where it was not taken."""
    if after is None:
        return Verdict(None)
    if after.error is not None:
        # One that could not be invoked, for as many ran as may, say, has told nothing of how it did.
        said_nothing = before is not None and before.ms is None and after.ms is not None
        if before is not None and before.error is not None and not said_nothing:
            return Verdict(None, f"it failed before, too: {before.error}")
        return Verdict(after.error)
    if before is None or before.ms is None or after.ms is None or verification.slower_max is None:
        return Verdict(None)
    if after.ms > before.ms * verification.slower_max and after.ms - before.ms > _SLOWER_MS_MIN:
        return Verdict(f"it takes {after.ms:.0f} ms in place of {before.ms:.0f}")
    return Verdict(None)


def rate_verdict(verification: Verification, before: Rates, during: Rates) -> Verdict:
    """What the errors of a target come to: its share of them during a bake, beside that of the same time before."""
    if verification.error_rate_max is None or during.share - before.share <= verification.error_rate_max:
        return Verdict(None)
    return Verdict(f"{during.errors} of {during.invocations} invocations failed, {before.share:.1%} did before")


def judged(
    verification: Verification, bake: Bake, rates: Mapping[str, tuple[Rates, Rates]], now_ms: int
) -> tuple[Record, ...]:
    """What to append once *bake* is over, from each function's *rates* before and during; who has none passes."""
    verdicts = {
        function: rate_verdict(verification, *rates[function]) for function in bake.functions if function in rates
    }
    failed = (
        Troubled(now_ms, function, Trouble.FAILED, verdict.why)
        for function, verdict in verdicts.items()
        if verdict.why is not None
    )
    return (*failed, Baked(now_ms, bake.wave, bake.step))
