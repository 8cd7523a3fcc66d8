"""A roll-out carried out: stage after stage, several targets at a time, until it is over or is to stop.

Nothing is decided here. Each answer is written down first and asked about then, so that this can be killed between any
two lines and started again: what it goes on from is the plan, the journal and what the endpoint shows.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from lamina.rollouts.consumers import Place
from lamina.rollouts.deciding import first_seen
from lamina.rollouts.journal import Began, Record, Trouble, Way
from lamina.rollouts.plans import Plan
from lamina.rollouts.progress import Life, Progress
from lamina.rollouts.stages import next_stage
from lamina.rollouts.steps import Bake, Goal, Over, Stage, Work, Write
from lamina.rollouts.verdicts import judged
from lamina.workshop.endpoint import Endpoint
from lamina.workshop.errors import WorkshopError
from lamina.workshop.rollouts.functions import Functions
from lamina.workshop.rollouts.rates import Watched, error_rates
from lamina.workshop.rollouts.stored import Journal
from lamina.workshop.rollouts.targets import Hand, Means
from lamina.workshop.rollouts.trying import Trier

# A bake ends late by at most this much.
_BAKE_LOOK_S = 0.5


class Stopped(WorkshopError):
    """It was told to stop, and did: between two steps, with everything written down."""


class Watcher(Protocol):
    """Hears how it goes: of stages from one thread, of records from any."""

    def stage(self, stage: Stage, progress: Progress) -> None: ...

    def record(self, record: Record, progress: Progress) -> None: ...


class Places:
    """The functions of each place of *plan*; a client is made once, and by whichever thread comes first."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._functions: dict[Place, Functions] = {}

    def endpoint(self, place: Place) -> Endpoint:
        """The endpoint of *place*."""
        return Endpoint(self._plan.endpoint or None, place.region, place.profile or None)

    def functions(self, place: Place) -> Functions:
        """Those of *place*."""
        with self._lock:
            if place not in self._functions:
                connections = self._plan.options.concurrency
                self._functions[place] = Functions(self.endpoint(place), connections=connections)
            return self._functions[place]


class Carrier:
    """Carries *plan* out by its *journal*, which nobody else may add to meanwhile; `stop` may be called at any time."""

    def __init__(
        self,
        plan: Plan,
        journal: Journal,
        watcher: Watcher,
        now_ms: Callable[[], int],
        environ: Mapping[str, str],
    ) -> None:
        self._plan, self._journal, self._watcher, self._now_ms = plan, journal, watcher, now_ms
        self._places = Places(plan)
        self._stop = threading.Event()
        self._failed = threading.Event()
        self._lock = threading.Lock()
        self._progress = Progress.of(plan, journal.records)
        # What the plan saw is good enough for whom nobody has touched since: what is older is refused.
        self._fresh = not journal.records
        self._hands: dict[str, Hand] = {}
        self._trier = Trier(plan.options.verification, self._places.functions, environ, plan.endpoint, self._pause)

    def stop(self) -> None:
        """Have it stop once the calls that are under way have been answered."""
        self._stop.set()

    def carry_out(self, command: str, way: Way) -> Over:
        """Go on *way* to the end; *command* is what somebody typed. Raises Stopped, or another WorkshopError."""
        self._append(Began(self._now_ms(), command, way))
        while True:
            self._pause(0)
            stage = next_stage(self._progress, self._now_ms())
            self._watcher.stage(stage, self._progress)
            match stage:
                case Over():
                    return stage
                case Write(records=records):
                    self._append(*records)
                case Work():
                    self._work(stage)
                case Bake():
                    self._bake(stage)

    def _work(self, stage: Work) -> None:
        waiting = deque(stage.functions)
        workers = min(self._plan.options.concurrency, len(waiting))
        with ThreadPoolExecutor(workers, thread_name_prefix="roll-out") as pool:
            threads = [pool.submit(self._work_off, waiting, stage) for _ in range(workers)]
        errors = [error for thread in threads if (error := thread.exception()) is not None]
        # Those that stopped did so for the one that has something to tell.
        for error in sorted(errors, key=lambda error: isinstance(error, Stopped)):
            raise error

    def _work_off(self, waiting: deque[str], stage: Work) -> None:
        """One thread's part: target after target, as long as the stage is this one."""
        while True:
            try:
                function = waiting.popleft()
            except IndexError:
                return
            try:
                self._hand(function).reach(stage.goal)
            except BaseException:
                # Nobody knows what is the matter: the others finish the step they are at, and begin no more.
                self._failed.set()
                raise
            if self._life(function).trouble is Trouble.FAILED and not self._goes_on(stage.wave, stage.goal):
                waiting.clear()

    def _goes_on(self, wave: int, goal: Goal) -> bool:
        stage = next_stage(self._progress, self._now_ms())
        return isinstance(stage, Work) and (stage.wave, stage.goal) == (wave, goal)

    def _hand(self, function: str) -> Hand:
        with self._lock:
            if function not in self._hands:
                target = self._progress.targets[function]
                functions = self._places.functions(target.place)
                means = Means(functions, self._trier, self._append, self._life, self._now_ms, self._pause)
                # An endpoint without revisions refuses nothing: there it has to be looked before anything is done.
                seen = first_seen(target) if self._fresh and target.revision_id else None
                self._hands[function] = Hand(self._plan, target, means, seen)
            return self._hands[function]

    def _bake(self, bake: Bake) -> None:
        while bake.functions and (left_ms := bake.until_ms - self._now_ms()) > 0:
            self._pause(min(left_ms / 1000, _BAKE_LOOK_S))
            self._watcher.stage(bake, self._progress)
        rates = {}
        if self._plan.options.verification.error_rate_max is not None:
            watched = [self._watched(function, bake) for function in bake.functions]
            rates = error_rates(watched, self._places.endpoint, bake.since_ms, bake.until_ms)
        self._append(*judged(self._plan.options.verification, bake, rates, self._now_ms()))

    def _watched(self, function: str, bake: Bake) -> Watched:
        target = self._progress.targets[function]
        alias = None if target.alias is None else target.alias.name
        life = self._life(function)
        touched_ms = bake.since_ms if life.touched_ms is None else life.touched_ms
        return Watched(target.place, function, target.name, alias, life.version, touched_ms)

    def _life(self, function: str) -> Life:
        return self._progress.life(function)

    def _append(self, *records: Record) -> None:
        self._journal.append(*records)
        with self._lock:
            for record in records:
                self._progress = self._progress.after(record)
            progress = self._progress
        for record in records:
            self._watcher.record(record, progress)

    def _pause(self, seconds: float) -> None:
        """Wait; raises Stopped where all is to stop."""
        if self._stop.wait(seconds) or self._failed.is_set():
            id_ = self._plan.id
            raise Stopped(
                f"{id_} was stopped before its end",
                f"`lamina rollout resume {id_}` goes on, `lamina rollout rollback {id_}` goes back.",
            )
