"""Counts what happens. Each count is on the way of a request: nothing here waits, writes or grows without bound."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

from lamina.names import FunctionArn
from lamina.observability.exchanges import Exchange
from lamina.observability.functions import Functions
from lamina.observability.histograms import Histogram
from lamina.observability.passages import Passage, Start

# The initialization whose first call has waited for nothing.
_AHEAD: Final = "provisioned-concurrency"


class Meter:
    """The counts of one server, since it began. For one thread."""

    def __init__(self) -> None:
        self.functions = Functions()
        # Service, operation, status: all three are of the API's model, which bounds them.
        self.answers: Counter[tuple[str, str, int]] = Counter()
        self.answering_seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.waits = Histogram()
        # Initialization, phase.
        self.starts: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)
        self.start_failures: Counter[str] = Counter()
        # Cache, whether it was found there.
        self.lookups: Counter[tuple[str, bool]] = Counter()

    def answered(self, exchange: Exchange, status: int, now: float) -> None:
        """*exchange* is over: its answer of *status* begins to go out at *now*, of the clock that it began by."""
        exchange.over = True
        service, operation = exchange.service, exchange.operation
        self.answers[service, operation, status] += 1
        self.answering_seconds[service, operation] += now - exchange.began

    def invoked(self, passage: Passage) -> None:
        """An invocation has run."""
        figures = self.functions.of(passage.function)
        figures.calls += 1
        figures.errors += passage.failed
        figures.durations.observe(passage.answered - passage.obtained)
        start = passage.start
        if start is not None and start.initialization != _AHEAD:
            figures.cold += 1
        self.waits.observe(passage.obtained - passage.asked)

    def throttled(self, function: FunctionArn) -> None:
        """A call was turned away: as many are under way as the function, the account or the server may have."""
        self.functions.of(function).throttles += 1

    def started(self, start: Start) -> None:
        """An environment is ready."""
        phases = (
            ("turn", start.turn - start.asked),
            ("sandbox", start.assembled - start.turn),
            ("init", start.ready - start.assembled),
        )
        for phase, seconds in phases:
            self.starts[start.initialization, phase].observe(seconds)

    def start_failed(self, initialization: str) -> None:
        """One could not be had."""
        self.start_failures[initialization] += 1

    def looked_up(self, cache: str, *, found: bool) -> None:
        """Something was looked for in *cache*, and was there or had to be made."""
        self.lookups[cache, found] += 1
