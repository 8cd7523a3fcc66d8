"""Every point of a server's start and of its end, with a fault at each; the server that comes next has to be whole.

Every round begins with the same folder: that of a server which was killed in the middle of a CreateFunction, so that a
start finds a tree that is half extracted, a function to be activated, and a write-ahead log.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError

from faults.campaign import BROKEN_MAX, ENVIRON, Broken, Choose, House, Result, check, findings
from faults.operations import CreateFunction
from faults.points import Fault, Point
from faults.supervisor import Supervisor
from tests.support.server import Server

LIFETIMES: Final = ("Start", "Stop")
# Two functions: one that was made, and one that was being made when the server was killed.
_WHOLE, _BEGUN = 1, 2
# Files that are never written again, of which another name is as good as a copy.
_IMMUTABLE: Final = ("blobs", "trees")


def lifetimes(
    what: str,
    fault: Fault,
    folder: Path,
    *,
    choose: Choose = lambda _: True,
    told: Callable[[Result], object] = lambda _: None,
) -> Result:
    """The points of each of LIFETIMES that *choose* takes; *folder* is this campaign's. *told* after every round."""
    result = Result(what.lower(), fault)
    state, before = folder / "state", folder / "before"
    if not before.exists():
        with House.open(folder) as house:
            _kill_in_the_middle(house)
            _copy(state, before)
    strike = _start if what == "Start" else _stop
    _, points = _afresh(strike, before, state, None, 0)
    result.counted = sum(map(fault.is_of, points))
    for at in [at for at, point in enumerate(points, 1) if fault.is_of(point) and choose(point)]:
        struck, _ = _afresh(strike, before, state, fault, at)
        if struck is None:
            # It was another kind of day: background work had less to do this time.
            continue
        result.struck.append(str(struck))
        try:
            # A disk that failed behind the answer is told of, by a fault that the server outlives.
            result.degraded += _look(state, may_fail=not fault.ends_server)
        except AssertionError as error:
            result.broken.append(f"{fault} at {at}, {struck}: {error}")
        told(result)
        if len(result.broken) > BROKEN_MAX:
            break
    return result


Strike = Callable[[Path, Fault | None, int], tuple[Point | None, Sequence[Point]]]


def _afresh(
    strike: Strike, before: Path, state: Path, fault: Fault | None, at: int
) -> tuple[Point | None, Sequence[Point]]:
    shutil.rmtree(state)
    _copy(before, state)
    return strike(state, fault, at)


def _start(state: Path, fault: Fault | None, at: int) -> tuple[Point | None, Sequence[Point]]:
    """Where the fault struck a server that starts, and what was counted. It may be ready all the same."""
    supervisor = Supervisor(state)
    supervisor.arm(fault, at)
    try:
        server = Server.start(state, ENVIRON, supervisor=supervisor)
    except AssertionError:
        struck, points = supervisor.struck, supervisor.points
        if struck is None:
            raise
    else:
        supervisor.wait_quiet()
        struck, points = supervisor.struck, supervisor.points
        supervisor.arm(None)
        server.stop()
    supervisor.close()
    return struck, points


def _stop(state: Path, fault: Fault | None, at: int) -> tuple[Point | None, Sequence[Point]]:
    """The same for one that is told to end."""
    supervisor = Supervisor(state)
    server = Server.start(state, ENVIRON, supervisor=supervisor)
    supervisor.wait_quiet()
    supervisor.arm(fault, at)
    server.stop()
    supervisor.close()
    return supervisor.struck, supervisor.points


def _look(state: Path, *, may_fail: bool) -> bool:
    """Whether the function that was being made has failed and says so. Raises AssertionError where what is left is not
    what was acknowledged, and there, too, unless it *may_fail*.
    """
    if found := findings(state):
        raise Broken(f"fsck of what is left: {found}")
    server = Server.start(state, ENVIRON)
    try:
        operation = CreateFunction(server)
        check(operation, _WHOLE, None, operation.view(_WHOLE), acknowledged=True)
        seen = operation.view(_BEGUN)
        if may_fail and operation.degraded(_BEGUN, seen):
            return True
        check(operation, _BEGUN, None, seen, acknowledged=False)
        return False
    finally:
        server.stop()


def _kill_in_the_middle(house: House) -> None:
    operation = CreateFunction(house.server)
    operation.prepare(_WHOLE)
    house.supervisor.wait_quiet()
    house.supervisor.arm(None)
    operation.ask(_WHOLE)
    operation.view(_WHOLE)
    house.supervisor.wait_quiet()
    extracts = next(at for at, point in enumerate(house.supervisor.points, 1) if point.where.startswith("trees/"))
    operation.prepare(_BEGUN)
    house.supervisor.wait_quiet()
    house.supervisor.arm(Fault.KILL, extracts + 3)
    # It may be recorded, whether its answer comes through or not.
    with suppress(BotoCoreError):
        operation.ask(_BEGUN)
    house.server.process.wait(10)


def _copy(state: Path, to: Path) -> None:
    def file(source: str, target: str) -> object:
        if Path(source).relative_to(state).parts[0] in _IMMUTABLE:
            os.link(source, target)
        else:
            shutil.copy2(source, target)
        return target

    shutil.copytree(state, to, symlinks=True, copy_function=file, ignore=shutil.ignore_patterns("*.sock", "scratch"))
