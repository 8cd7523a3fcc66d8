"""Sharing carried out in every region at once; what one region refuses keeps no other from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from lamina.workshop.errors import WorkshopError
from lamina.workshop.sharing.copies import Copies
from lamina.workshop.sharing.plans import Audience, RegionPlan, SharedVersion, let_in, order, plan
from lamina.workshop.sharing.witnesses import Testimony, Witnesses

_AT_ONCE: Final = 4
_Given = TypeVar("_Given")
_Result = TypeVar("_Result")
Told = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class RegionOutcome:
    """What there is in *region* now, which part of it is new, and what witnesses say; or what went wrong."""

    region: str
    version: SharedVersion | None = None
    published: bool = False
    granted: tuple[Audience, ...] = ()
    testimonies: tuple[Testimony, ...] = ()
    error: str = ""

    @property
    def allowed(self) -> tuple[Audience, ...]:
        """Who may use the layer there, what is new included."""
        held = () if self.version is None else let_in(self.version)
        return tuple(sorted({*held, *self.granted}, key=order))

    @property
    def is_well(self) -> bool:
        """Whether nothing failed there."""
        return not self.error and not any(each.refusal for each in self.testimonies)


def look(
    copies: Copies, original: SharedVersion, regions: Sequence[str], wanted: Sequence[Audience]
) -> list[RegionPlan | RegionOutcome]:
    """What sharing *original* with *wanted* takes in each of *regions*, or why that cannot be told."""
    return _at_once(lambda region: _looked(copies, original, region, wanted), regions)


def carry_out(
    copies: Copies,
    original: SharedVersion,
    looks: Sequence[RegionPlan | RegionOutcome],
    witnesses: Witnesses,
    file: Path | None,
    told: Told,
) -> list[RegionOutcome]:
    """What came of each of *looks*, in their order; what could not be looked at stays as it is.

    *file* has the archive of *original*, and is needed if a region lacks it. *told* hears of each step, by any thread,
    with the region it is for.
    """

    def one(found: RegionPlan | RegionOutcome) -> RegionOutcome:
        if isinstance(found, RegionOutcome):
            return found
        return _carried_out(copies, original, found, witnesses, file, told)

    return _at_once(one, looks)


def _at_once(work: Callable[[_Given], _Result], things: Sequence[_Given]) -> list[_Result]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            return list(pool.map(work, things))
        except BaseException:
            # Ctrl-C: what is under way ends in order, what has not begun does not begin.
            pool.shutdown(cancel_futures=True)
            raise


def _looked(
    copies: Copies, original: SharedVersion, region: str, wanted: Sequence[Audience]
) -> RegionPlan | RegionOutcome:
    try:
        return plan(region, copies.same(region, original), wanted)
    except WorkshopError as error:
        return RegionOutcome(region, error=str(error))


def _carried_out(
    copies: Copies, original: SharedVersion, todo: RegionPlan, witnesses: Witnesses, file: Path | None, told: Told
) -> RegionOutcome:
    version, published = todo.version, False
    try:
        if version is None:
            assert file is not None
            told(todo.region, "publishing")
            version, published = copies.publish(todo.region, original, file), True
        if todo.grants:
            told(todo.region, "granting")
            version = copies.open(version, todo.grants)
        granted = tuple(Audience.of(grant) for grant in todo.grants)
        return RegionOutcome(todo.region, version, published, granted, tuple(witnesses.testify(version)))
    except WorkshopError as error:
        return RegionOutcome(todo.region, version, published, error=str(error))
