"""Every point of a request, with a fault at each: what was acknowledged is there, what was not is there whole or not.

A round is one request with a fault at its n-th change of the state folder; n counts up until the request is through
before the fault has struck. After a kill the folder is looked at as `lamina fsck` does, and a server started on it;
after any other fault a copy of the folder, as a kill at this moment would have left it, is looked at, the fault is
lifted, and the same server has to do the request that it refused.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from faults.disk import Disk
from faults.operations import Operation, View
from faults.points import Fault, Point
from faults.supervisor import Supervisor
from lamina import fsck
from tests.support.server import Server

# Of a state folder, what `lamina fsck` looks at. SQLite makes catalog.db-shm again from the others, as after a kill.
_CATALOG: Final = ("catalog.db", "catalog.db-wal")
_IMMUTABLE: Final = ("blobs", "trees")
# Of it, where nothing that is there between two requests is written again.
WRITTEN_ONCE: Final = ("blobs/sha256", "trees/v1", "runtimes/v1")
ENVIRON: Final = {"LAMBDA_RETRY_BASE_DELAY": "0"}
BROKEN_MAX: Final = 20
_REFUSALS: Final = (500, 503, 507)


# Whether to take a point, as it was counted when nothing was in the way.
Choose = Callable[[Point], bool]


class Broken(AssertionError):
    """A promise was not kept; the text says which, and where the fault struck."""


@dataclass
class Result:
    """Of one operation and one fault: where it struck and what came of it. Times in seconds."""

    operation: str
    fault: Fault
    # How many points a request had with nothing in its way.
    counted: int = 0
    struck: list[str] = field(default_factory=list)
    acknowledged: int = 0
    refused: int = 0
    degraded: int = 0
    ready_s: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def places(self) -> Counter[str]:
        return Counter(self.struck)


@dataclass
class House:
    """A server that is watched, and its state folder; another server takes its place when it was killed."""

    folder: Path
    server: Server
    supervisor: Supervisor

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[House]:
        """One in *folder*, which is the caller's to remove."""
        house = cls(folder, *_started(folder / "state"))
        try:
            yield house
        finally:
            house.server.stop()
            house.supervisor.close()

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def again(self) -> float:
        """Start a server in the place of the one that was killed; seconds until it was ready."""
        self.server.stop()
        self.supervisor.close()
        began = time.monotonic()
        server, self.supervisor = _started(self.state)
        self.server.endpoint, self.server.process = server.endpoint, server.process
        return time.monotonic() - began

    @contextmanager
    def disk(self, fault: Fault) -> Iterator[None]:
        """Watch what is synced, for a *fault* that wants to know."""
        if not fault.cuts_power:
            yield
            return
        supervisor = self.supervisor
        names = fault is Fault.NAMES
        with closing(Disk(self.state, self.folder / "room", names=names, written_once=WRITTEN_ONCE)) as disk:
            supervisor.tell(disk)
            try:
                yield
            finally:
                # What goes on behind the answer may be about to sync.
                supervisor.tell(None)

    def lose_what_was_not_synced(self) -> None:
        """Where that is watched. The server must have ended."""
        if self.supervisor.disk is not None:
            self.supervisor.disk.write_to(self.folder / "left")
            # Out of the way at once: what was killed may still be making files there, and end a moment later.
            lost = Path(tempfile.mkdtemp(dir=self.folder))
            self.state.rename(lost / "state")
            (self.folder / "left").rename(self.state)
            shutil.rmtree(lost, ignore_errors=True)

    @property
    def runs(self) -> bool:
        return self.server.process.poll() is None

    def as_killed_now(self) -> list[str]:
        """What `lamina fsck` would find if the server were killed at this moment, harmless things left out."""
        os.kill(self.server.process.pid, signal.SIGSTOP)
        try:
            copy = Path(tempfile.mkdtemp(dir=self.folder))
            for name in _CATALOG:
                shutil.copy(self.state / name, copy / name)
            for name in _IMMUTABLE:
                # Another name is as good as a copy: none of these files is ever written again.
                shutil.copytree(self.state / name, copy / name, symlinks=True, copy_function=os.link)
        finally:
            os.kill(self.server.process.pid, signal.SIGCONT)
        try:
            return findings(copy)
        finally:
            shutil.rmtree(copy)


def campaign(
    make: Callable[[Server], Operation],
    fault: Fault,
    house: House,
    *,
    first: int = 1,
    choose: Choose = lambda _: True,
    told: Callable[[Result], object] = lambda _: None,
) -> Result:
    """All points of the operation, or those that *choose* takes. *first* numbers the things it is done to.

    *told* after every round. What is not as promised is in `broken`, and the campaign goes on.
    """
    operation = make(house.server)
    result = Result(operation.name, fault)
    # Twice in vain: what only the first request of a server does is not what the rounds are to count.
    for number in (first, first + 1):
        _once(operation, number, house)
    points = house.supervisor.points
    wanted = [point for point in points if fault.is_of(point)]
    passed_by = {at for at, point in enumerate(points, 1) if point not in wanted or not choose(point)}
    at = 0
    for number in itertools.count(first + 2):
        at = next(each for each in itertools.count(at + 1) if each not in passed_by)
        try:
            through = _round(operation, number, fault, at, house, result)
        except (AssertionError, BotoCoreError, ClientError, OSError, subprocess.TimeoutExpired) as error:
            where = f"{fault} at {at}, {result.struck[-1] if result.struck else 'nowhere yet'}"
            result.broken.append(f"{where}: {type(error).__name__}: {error}")
            through = len(result.broken) > BROKEN_MAX
            house.supervisor.arm(None)
            if not house.runs:
                house.again()
        told(result)
        if through:
            break
    return result


def _round(operation: Operation, number: int, fault: Fault, at: int, house: House, result: Result) -> bool:
    """Whether the request was through before the fault could strike."""
    operation.prepare(number)
    before = operation.view(number)
    house.supervisor.wait_quiet()
    with house.disk(fault):
        return _strike(operation, number, before, fault, at, house, result)


def _strike(
    operation: Operation, number: int, before: View, fault: Fault, at: int, house: House, result: Result
) -> bool:
    house.supervisor.arm(fault, at)
    refusal = _ask(operation, number)
    if refusal is None:
        house.supervisor.wait_quiet()
    struck = house.supervisor.struck
    if struck is None:
        met = house.supervisor.points
        result.counted = sum(map(fault.is_of, met))
        house.supervisor.arm(None)
        if refusal is not None:
            raise Broken(f"refused with nothing in its way: {refusal}")
        check(operation, number, before, operation.view(number), acknowledged=True)
        # Steps change places: what was a write when they were counted may be none now, and nothing strikes there.
        return at > len(met)
    result.struck.append(str(struck))
    if refusal is None:
        result.acknowledged += 1
    else:
        result.refused += 1
    if fault.ends_server:
        acknowledged = refusal is None and (operation.synced or not fault.cuts_power)
        _after_a_kill(operation, number, before, acknowledged, house, result)
    else:
        _after_an_error(operation, number, before, refusal, house, result)
    return False


def _after_a_kill(
    operation: Operation, number: int, before: View, acknowledged: bool, house: House, result: Result
) -> None:
    house.server.process.wait(10)
    house.lose_what_was_not_synced()
    if found := findings(house.state):
        raise Broken(f"fsck of what the kill left: {found}")
    result.ready_s.append(house.again())
    check(operation, number, before, operation.view(number), acknowledged=acknowledged)


def _after_an_error(
    operation: Operation, number: int, before: View, refusal: Exception | None, house: House, result: Result
) -> None:
    if refusal is not None:
        _check_modelled(refusal)
    if not house.runs:
        raise Broken(f"the server ended with {house.server.process.wait()}")
    if found := house.as_killed_now():
        raise Broken(f"fsck of what a kill would have left: {found}")
    house.supervisor.arm(None)
    seen = operation.view(number)
    if refusal is None and seen != operation.wanted(number, before) and operation.degraded(number, seen):
        result.degraded += 1
        return
    check(operation, number, before, seen, acknowledged=refusal is None)
    if seen == before and before != operation.wanted(number, before):
        # The disk is well again, and so is the server.
        operation.ask(number)
        check(operation, number, before, operation.view(number), acknowledged=True)


def check(operation: Operation, number: int, before: View, seen: View, *, acknowledged: bool) -> None:
    """Raise Broken unless *seen* is what may be seen: the whole of it, or nothing where it was not acknowledged."""
    wanted = operation.wanted(number, before)
    if seen == wanted:
        return
    if acknowledged:
        raise Broken(f"acknowledged, and {seen} is to be seen in the place of {wanted}")
    if seen != before and not operation.begun(number, before, seen):
        raise Broken(f"half done: {seen} is to be seen, before it was {before}, and {wanted} was asked for")


def _check_modelled(refusal: Exception) -> None:
    if not isinstance(refusal, ClientError):
        raise Broken(f"no answer: {refusal!r}")
    status = refusal.response["ResponseMetadata"]["HTTPStatusCode"]
    if status not in _REFUSALS or not refusal.response["Error"]["Code"]:
        raise Broken(f"answered with {status}: {refusal}")


def _ask(operation: Operation, number: int) -> Exception | None:
    """What the request was refused with, or how its connection ended; None once it is acknowledged."""
    try:
        operation.ask(number)
    except (BotoCoreError, ClientError) as error:
        refusal: Exception = error
        return refusal
    return None


def _once(operation: Operation, number: int, house: House) -> None:
    operation.prepare(number)
    before = operation.view(number)
    house.supervisor.wait_quiet()
    house.supervisor.arm(None)
    operation.ask(number)
    house.supervisor.wait_quiet()
    check(operation, number, before, operation.view(number), acknowledged=True)


def _started(state: Path) -> tuple[Server, Supervisor]:
    supervisor = Supervisor(state)
    return Server.start(state, ENVIRON, supervisor=supervisor), supervisor


def findings(state: Path) -> list[str]:
    """What `lamina fsck` finds in the folder of a server that has ended, harmless things left out."""
    return [f"{each.kind} {each.where}: {each.says}" for each in fsck.check(state).findings if not each.harmless]
