"""Figures of each function, of a bounded number of them: those called last have their own, the others one together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lamina.names import FunctionArn
from lamina.observability.histograms import Histogram

# Each takes a kilobyte here, and two dozen series in whatever collects them.
FUNCTIONS_MAX: Final = 200


@dataclass(slots=True)
class Figures:
    """Counted since the server began: calls that ran, with an error, first of their environment, turned away."""

    calls: int = 0
    errors: int = 0
    cold: int = 0
    throttles: int = 0
    durations: Histogram = field(default_factory=Histogram)
    used_last: int = 0

    def add(self, other: Figures) -> None:
        """Have in it what is in *other*, too."""
        self.calls += other.calls
        self.errors += other.errors
        self.cold += other.cold
        self.throttles += other.throttles
        self.durations.add(other.durations)


class Functions:
    """Figures by function (unqualified), of *functions_max*. What is counted of all together never goes down."""

    def __init__(self, functions_max: int = FUNCTIONS_MAX) -> None:
        self._functions_max = functions_max
        self._figures: dict[FunctionArn, Figures] = {}
        self._others: Figures | None = None
        self._used = 0

    def of(self, function: FunctionArn) -> Figures:
        """Those of *function*, to be counted on. Where there is no room, those of the one used longest ago give way."""
        figures = self._figures.get(function)
        if figures is None:
            if len(self._figures) >= self._functions_max:
                self._make_room()
            figures = self._figures[function] = Figures()
        self._used += 1
        figures.used_last = self._used
        return figures

    def __iter__(self) -> Iterator[tuple[FunctionArn | None, Figures]]:
        """Every function and its figures, and None with those of all that have none of their own any more."""
        yield from self._figures.items()
        if self._others is not None:
            yield None, self._others

    def _make_room(self) -> None:
        oldest = min(self._figures, key=lambda function: self._figures[function].used_last)
        self._others = self._others or Figures()
        self._others.add(self._figures.pop(oldest))
