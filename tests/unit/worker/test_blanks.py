"""Sandboxes ahead of demand: so many stand ready, and whatever happens, what one was made of is given back once."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from lamina.environments.commands import Command
from lamina.worker.blanks import DEFAULT_STORAGE_MB, Shelf
from lamina.worker.uids import Uids
from lamina.worker.zygotes import SandboxFailed

from .sandboxes import UIDS, FakeCgroups, FakeScratch, FakeTmp, FakeZygote, free_uids, machine

LATE = Command()
SMALL, LARGE = (Command(("node", f"--max-old-space-size={size}"), early=True) for size in (115, 922))


class Stand:
    """A shelf over stand-ins."""

    def __init__(
        self,
        ahead: int = 0,
        zygote: FakeZygote | None = None,
        scratch: FakeScratch | None = None,
        cgroups: FakeCgroups | None = None,
        expected: Command = LATE,
        uids: Uids | None = None,
    ) -> None:
        self.zygote = zygote or FakeZygote()
        self.scratch = scratch or FakeScratch()
        self.cgroups = cgroups or FakeCgroups()
        self.machine = machine(self.scratch, self.cgroups)
        if uids is not None:
            self.machine = replace(self.machine, uids=uids)
        stand_in: Any = self.zygote
        self.shelf = Shelf(stand_in, self.machine, ahead, map(str, itertools.count()).__next__, expected)

    async def filled(self) -> None:
        if self.shelf._fill_later is not None:
            self.shelf.fill()
        assert self.shelf._filling is not None
        await self.shelf._filling

    async def close(self) -> None:
        self.zygote.everything_dies()
        async with asyncio.timeout(20):
            await self.shelf.close()
        assert free_uids(self.machine) == self.machine.uids.count
        assert all(tmp.removed or tmp.kept for tmp in self.scratch.made)
        assert all(group.removed or group.kept for group in self.cgroups.made if group.members)
        assert all(blank.closed for blank in self.zygote.forked)


def on(make: Callable[[], Stand], test: Callable[[Stand], Awaitable[None]]) -> None:
    """Run *test*; at the end everything must have been given back."""

    async def main() -> None:
        stand = make()
        await test(stand)
        await stand.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_so_many_stand_ready_and_are_replaced() -> None:
    async def test(stand: Stand) -> None:
        stand.shelf.fill()
        await stand.filled()
        assert len(stand.zygote.forked) == 2
        taken = await stand.shelf.take(DEFAULT_STORAGE_MB)
        assert taken.blank.pid == stand.zygote.forked[0].pid
        await stand.filled()
        assert len(stand.zygote.forked) == 3
        taken.release()

    on(lambda: Stand(ahead=2), test)


def test_who_takes_one_is_served_before_it_is_replaced_unless_it_was_the_last() -> None:
    async def test(stand: Stand) -> None:
        stand.shelf.fill()
        await stand.filled()
        first = await stand.shelf.take(DEFAULT_STORAGE_MB)
        assert stand.shelf._filling is not None
        assert stand.shelf._filling.done()
        second = await stand.shelf.take(DEFAULT_STORAGE_MB)
        assert not stand.shelf._filling.done()
        await stand.filled()
        assert len(stand.zygote.forked) == 4
        first.release()
        second.release()

    on(lambda: Stand(ahead=2), test)


def test_one_is_left_where_nobody_asks_and_whoever_does_is_served_before_others_stand_ready_again() -> None:
    async def test(stand: Stand) -> None:
        stand.shelf.fill()
        await stand.filled()
        assert stand.shelf._thin_later is not None
        stand.shelf._thin()
        first, second = stand.zygote.forked
        second.die()
        taken = await stand.shelf.take(DEFAULT_STORAGE_MB)
        assert taken.blank.pid == first.pid
        assert stand.shelf._filling is not None
        assert stand.shelf._filling.done()
        await stand.filled()
        assert len(stand.zygote.forked) == 4
        taken.release()

    on(lambda: Stand(ahead=2), test)


def test_what_somebody_waits_for_does_nothing_that_only_pays_where_nobody_does() -> None:
    async def test(stand: Stand) -> None:
        stand.shelf.fill()
        await stand.filled()
        taken = [await stand.shelf.take(DEFAULT_STORAGE_MB) for _ in range(3)]
        assert [each.waited for each in stand.zygote.forked[:2]] == [False, False]
        assert any(each.waited for each in stand.zygote.forked[2:])
        for each in taken:
            each.release()

    on(lambda: Stand(ahead=2), test)


def test_what_begins_early_is_executed_ahead_of_demand() -> None:
    async def test(stand: Stand) -> None:
        stand.shelf.fill()
        await stand.filled()
        assert [blank.executed for blank in stand.zygote.forked] == [SMALL.argv, SMALL.argv]
        taken = await stand.shelf.take(DEFAULT_STORAGE_MB, SMALL)
        assert taken.executed == SMALL.argv
        taken.release()

    on(lambda: Stand(ahead=2, expected=SMALL), test)


def test_what_was_asked_for_last_is_what_stands_ready_next() -> None:
    async def test(stand: Stand) -> None:
        stand.shelf.fill()
        await stand.filled()
        first = await stand.shelf.take(DEFAULT_STORAGE_MB, LARGE)
        assert first.executed == SMALL.argv
        await stand.filled()
        second = await stand.shelf.take(DEFAULT_STORAGE_MB, LARGE)
        assert second.executed == LARGE.argv
        await stand.filled()
        third = await stand.shelf.take(DEFAULT_STORAGE_MB, SMALL)
        assert third.executed == SMALL.argv
        for taken in (first, second, third):
            taken.release()

    on(lambda: Stand(ahead=2, expected=SMALL), test)


def test_what_does_not_begin_early_is_not_executed_ahead() -> None:
    async def test(stand: Stand) -> None:
        taken = await stand.shelf.take(DEFAULT_STORAGE_MB, Command(("java",)))
        await stand.filled()
        assert [blank.executed for blank in stand.zygote.forked] == [(), ()]
        taken.release()

    on(lambda: Stand(ahead=1), test)


def test_one_that_was_killed_as_it_stood_ready_is_not_handed_out() -> None:
    async def test(stand: Stand) -> None:
        stand.shelf.fill()
        await stand.filled()
        dead, alive = stand.zygote.forked
        dead.die()
        taken = await stand.shelf.take(DEFAULT_STORAGE_MB)
        assert taken.blank.pid == alive.pid
        assert dead.closed
        taken.release()

    on(lambda: Stand(ahead=2), test)


def test_an_empty_shelf_makes_one_on_demand() -> None:
    async def test(stand: Stand) -> None:
        taken = await stand.shelf.take(DEFAULT_STORAGE_MB)
        (group,) = stand.cgroups.made
        assert group.members == [taken.blank.pid]
        taken.release()

    on(Stand, test)


def test_each_has_an_id_a_name_and_a_tmp_of_its_own() -> None:
    async def test(stand: Stand) -> None:
        taken = [await stand.shelf.take(DEFAULT_STORAGE_MB) for _ in range(3)]
        assert len({one.uid for one in taken}) == 3
        assert len({group.name for group in stand.cgroups.made}) == 3
        assert len({tmp.name for tmp in stand.scratch.made}) == 3
        for one in taken:
            one.release()

    on(Stand, test)


def test_nothing_is_given_back_before_its_processes_are_gone() -> None:
    async def test(stand: Stand) -> None:
        taken = await stand.shelf.take(DEFAULT_STORAGE_MB)
        told: list[str] = []
        taken.on_gone = lambda: told.append("gone")
        taken.release()
        taken.release()
        await asyncio.sleep(0)
        assert free_uids(stand.machine) == UIDS - 1
        assert not stand.scratch.made[0].removed
        assert not told
        stand.zygote.forked[0].die()
        await taken.wait_gone()
        assert told == ["gone"]
        assert free_uids(stand.machine) == UIDS, "once, though released twice"
        assert stand.scratch.made[0].removed

    on(Stand, test)


@pytest.mark.parametrize("shared", [False, True])
def test_a_tmp_goes_to_another_environment_only_if_nobody_else_can_have_it_open(shared: bool) -> None:
    async def test(stand: Stand) -> None:
        taken = await stand.shelf.take(DEFAULT_STORAGE_MB)
        (tmp,) = stand.scratch.made
        tmp.untouched = True
        taken.release()
        stand.zygote.everything_dies()
        await taken.wait_gone()
        assert (tmp.kept, tmp.removed) == (not shared, shared)

    on(lambda: Stand(uids=Uids(70_000, 1, shared=shared)), test)


def test_a_group_the_kernel_still_counts_is_removed_a_little_later() -> None:
    async def test(stand: Stand) -> None:
        taken = await stand.shelf.take(DEFAULT_STORAGE_MB)
        taken.release()
        stand.zygote.forked[0].die()
        await taken.wait_gone()
        assert stand.cgroups.made[0].removed

    on(lambda: Stand(cgroups=FakeCgroups(lingers=3)), test)


def test_a_group_that_is_as_good_as_new_goes_to_another_environment() -> None:
    async def test(stand: Stand) -> None:
        taken = await stand.shelf.take(DEFAULT_STORAGE_MB)
        (group,) = stand.cgroups.made
        group.as_new = True
        taken.release()
        assert not group.kept, "its processes live"
        stand.zygote.everything_dies()
        await taken.wait_gone()
        assert (group.kept, group.removed) == (True, False)

    on(Stand, test)


def test_a_tmp_of_another_size_takes_the_place_of_the_usual_one() -> None:
    async def test(stand: Stand) -> None:
        taken = await stand.shelf.take(1024)
        usual, own = stand.scratch.made
        assert (usual.size_mb, usual.removed) == (512, True)
        tmp: Any = taken.tmp
        assert isinstance(tmp, FakeTmp)
        assert tmp is own
        assert (own.size_mb, own.removed) == (1024, False)
        taken.release()

    on(Stand, test)


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), subprocess.CalledProcessError(1, "mke2fs")], ids=["os", "tool"]
)
def test_without_a_tmp_there_is_no_sandbox(failure: Exception) -> None:
    async def test(stand: Stand) -> None:
        with pytest.raises(SandboxFailed, match=r"no /tmp of 512 MB could be made"):
            await stand.shelf.take(DEFAULT_STORAGE_MB)

    on(lambda: Stand(scratch=FakeScratch(failures=[failure])), test)


def test_a_blank_whose_own_tmp_cannot_be_made_is_given_back() -> None:
    async def test(stand: Stand) -> None:
        stand.shelf.fill()
        await stand.filled()
        stand.scratch.failures.append(OSError(28, "No space left on device"))
        with pytest.raises(SandboxFailed, match=r"no /tmp of 1024 MB could be made"):
            await stand.shelf.take(1024)

    on(lambda: Stand(ahead=1), test)


@pytest.mark.parametrize(
    "failure", [SandboxFailed("the zygote is gone"), OSError(24, "Too many open files")], ids=["gone", "files"]
)
def test_a_fork_that_fails_leaves_nothing(failure: Exception) -> None:
    async def test(stand: Stand) -> None:
        with pytest.raises(SandboxFailed):
            await stand.shelf.take(DEFAULT_STORAGE_MB)
        assert free_uids(stand.machine) == UIDS
        assert stand.scratch.made[0].removed

    on(lambda: Stand(zygote=FakeZygote(failures=[failure])), test)


def test_a_process_that_cannot_join_its_group_is_ended_and_then_cleared_away() -> None:
    async def test(stand: Stand) -> None:
        with pytest.raises(SandboxFailed, match=r"No such process"):
            await stand.shelf.take(DEFAULT_STORAGE_MB)
        assert stand.zygote.forked[0].closed
        await asyncio.sleep(0)
        assert free_uids(stand.machine) == UIDS - 1, "the process may still be there"
        stand.zygote.forked[0].die()
        await stand.shelf.close()
        assert stand.cgroups.made[0].removed

    on(lambda: Stand(cgroups=FakeCgroups(failures=[OSError(3, "No such process")])), test)


def test_what_fails_ahead_of_demand_is_no_ones_error_and_is_tried_again() -> None:
    async def test(stand: Stand) -> None:
        stand.shelf.fill()
        await stand.filled()
        assert stand.zygote.forked == []
        taken = await stand.shelf.take(DEFAULT_STORAGE_MB)
        await stand.filled()
        assert len(stand.zygote.forked) == 2
        taken.release()

    on(lambda: Stand(ahead=1, zygote=FakeZygote(failures=[SandboxFailed("no")])), test)


def test_when_all_ids_are_taken_the_caller_is_told() -> None:
    async def test(stand: Stand) -> None:
        taken = [await stand.shelf.take(DEFAULT_STORAGE_MB) for _ in range(UIDS)]
        with pytest.raises(SandboxFailed, match=r"all user ids"):
            await stand.shelf.take(DEFAULT_STORAGE_MB)
        for one in taken:
            one.release()

    on(Stand, test)


def test_closing_waits_for_a_blank_that_is_being_made() -> None:
    async def test(stand: Stand) -> None:
        stand.shelf.fill()
        await asyncio.sleep(0)

    on(lambda: Stand(ahead=2), test)


def test_a_closed_shelf_is_not_filled() -> None:
    async def test(stand: Stand) -> None:
        await stand.shelf.close()
        stand.shelf.fill()
        assert stand.shelf._filling is None

    on(lambda: Stand(ahead=2), test)
