"""What was measured, and what a row of figures comes to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """*values* of one thing measured again and again, in *unit*; *name* says of what, such as "RIE"."""

    name: str
    unit: str
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        assert self.values, f"{self.name}: nothing was measured"

    @property
    def median(self) -> float:
        """The middle; of an even number, halfway between the two in the middle."""
        ordered, half = sorted(self.values), len(self.values) // 2
        return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2

    @property
    def least(self) -> float:
        """The smallest: what the machine does when nothing else wants it."""
        return min(self.values)

    def percentile(self, percent: float) -> float:
        """The smallest value that at least *percent* of all values do not exceed (the nearest rank)."""
        assert 0 < percent <= 100
        return sorted(self.values)[math.ceil(percent / 100 * len(self.values)) - 1]


class Skipped(Exception):
    """A row cannot be measured here; the message says why, for the report."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was measured: its samples by name, or why there are none. *notes* are for whoever reads them."""

    name: str
    samples: Mapping[str, Sample]
    notes: tuple[str, ...] = ()
    skipped: str | None = None

    @classmethod
    def of(cls, name: str, samples: Iterable[Sample], *notes: str) -> Row:
        """The row *name* with *samples*, which all have names of their own."""
        listed = list(samples)
        by_name = {sample.name: sample for sample in listed}
        assert len(by_name) == len(listed), f"{name}: two samples of one name"
        return cls(name, by_name, notes)

    def to_json(self) -> dict[str, Any]:
        """Everything there is, for a file."""
        samples = [{"name": each.name, "unit": each.unit, "values": each.values} for each in self.samples.values()]
        return {"name": self.name, "samples": samples, "notes": self.notes, "skipped": self.skipped}


class Tally:
    """Samples that grow while subjects take turns."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], list[float]] = {}

    def add(self, name: str, unit: str, *values: float) -> None:
        """Note *values* of *name*."""
        self._values.setdefault((name, unit), []).extend(values)

    def samples(self) -> list[Sample]:
        """What was noted so far, in the order the names were first heard of."""
        return [Sample(name, unit, tuple(values)) for (name, unit), values in self._values.items() if values]
