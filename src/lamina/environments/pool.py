"""Who gets the next free environment, when to make one, which idle one has to go: pure book-keeping.

One event at a time per environment. A caller takes an idle environment of exactly its spec, the one used last; else it
queues, and an environment is started for it. Whatever comes free first, a new one or one that has just finished, goes
to the caller who waited longest. As many calls may be under way as the account's concurrency allows, further ones are
throttled; where idle environments of other functions take up the room, the one idle for longest makes way.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import field
from typing import Generic, TypeVar

from lamina.values import dataclass

S = TypeVar("S", bound=Hashable)
M = TypeVar("M", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Take(Generic[M]):
    """Use this idle environment."""

    member: M


@dataclass(frozen=True, slots=True)
class Queue(Generic[M]):
    """Wait. If *start*, an environment is to be started for the spec, after *evict* is ended when it names one."""

    start: bool
    evict: M | None = None


@dataclass(frozen=True, slots=True)
class Throttle:
    """As many calls as the account may have are under way."""


@dataclass(slots=True)
class _OfSpec(Generic[M]):
    idle: list[M] = field(default_factory=list)
    starting: int = 0
    busy: int = 0
    waiting: int = 0


class Pool(Generic[S, M]):
    """Environments (members) by what they are made from (spec). *concurrency*: calls under way at once, at most."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._specs: dict[S, _OfSpec[M]] = {}
        # Idle members of all specs, the one idle for longest first.
        self._idle: OrderedDict[M, tuple[S, float]] = OrderedDict()
        self._starting = self._busy = self._waiting = 0
        # Specs whose idle members nobody else's call may drive out.
        self._kept: set[S] = set()

    @property
    def alive(self) -> int:
        """Environments there are or are about to be."""
        return self._starting + self._busy + len(self._idle)

    @property
    def idle(self) -> int:
        return len(self._idle)

    def idle_members(self) -> list[tuple[M, float]]:
        """Those that are idle, and since when, the one idle for longest first."""
        return [(member, since) for member, (_, since) in self._idle.items()]

    @property
    def busy(self) -> int:
        return self._busy

    def request(self, spec: S) -> Take[M] | Queue[M] | Throttle:
        """A caller of *spec* has come."""
        if self._busy + self._waiting >= self._concurrency:
            return Throttle()
        of = self._specs.get(spec)
        if of is None:
            of = self._specs[spec] = _OfSpec()
        if of.idle:
            member = of.idle.pop()
            del self._idle[member]
            of.busy += 1
            self._busy += 1
            return Take(member)
        if self._kept and self._busy + self._waiting + self._kept_idle() >= self._concurrency:
            self._drop_if_empty(spec)
            return Throttle()
        of.waiting += 1
        self._waiting += 1
        if of.starting >= of.waiting:
            # One was started for a caller who then got another's.
            return Queue(start=False)
        evict = self._evict_if_full()
        of.starting += 1
        self._starting += 1
        return Queue(start=True, evict=evict)

    def keep(self, spec: S) -> None:
        """Idle members of *spec* stay until `let_go`, whoever else wants their room."""
        self._kept.add(spec)

    def let_go(self, spec: S) -> None:
        """*spec* is like any other again."""
        self._kept.discard(spec)

    def has_idle(self, spec: S) -> bool:
        """Whether a caller of *spec* would be given a member at once."""
        of = self._specs.get(spec)
        return of is not None and bool(of.idle) and self._busy + self._waiting < self._concurrency

    def start_ahead(self, spec: S) -> Queue[M] | Throttle:
        """A member of *spec* is to be started though nobody waits; Throttle where there is no room for it."""
        evict = self._evict_if_full()
        if evict is None and self.alive >= self._concurrency:
            return Throttle()
        self._specs.setdefault(spec, _OfSpec()).starting += 1
        self._starting += 1
        return Queue(start=True, evict=evict)

    def stopped_waiting(self, spec: S) -> None:
        """A caller of *spec* has given up, or was told that nothing can be started."""
        self._specs[spec].waiting -= 1
        self._waiting -= 1
        self._drop_if_empty(spec)

    def started(self, spec: S, member: M, now: float) -> bool:
        """*member* is ready. True: it goes to the caller who waits longest; else it is idle from *now*."""
        self._specs[spec].starting -= 1
        self._starting -= 1
        return self._assign_or_rest(spec, member, now)

    def start_failed(self, spec: S) -> None:
        """No environment came of it."""
        self._specs[spec].starting -= 1
        self._starting -= 1
        self._drop_if_empty(spec)

    def released(self, spec: S, member: M, now: float) -> bool:
        """*member* has finished its event. True: it goes to the caller who waits longest; else it is idle."""
        self._specs[spec].busy -= 1
        self._busy -= 1
        return self._assign_or_rest(spec, member, now)

    def ended(self, spec: S) -> None:
        """A busy member is no more. Whoever waits has an environment on its way already."""
        self._specs[spec].busy -= 1
        self._busy -= 1
        self._drop_if_empty(spec)

    def take_idle(self, wanted: Callable[[S, M, float], bool]) -> list[M]:
        """Remove and return the idle members for which *wanted* (spec, member, idle since) holds, to be ended."""
        chosen = [(member, spec) for member, (spec, since) in self._idle.items() if wanted(spec, member, since)]
        for member, spec in chosen:
            self._forget_idle(member, spec)
        return [member for member, _ in chosen]

    def _assign_or_rest(self, spec: S, member: M, now: float) -> bool:
        of = self._specs[spec]
        if of.waiting:
            of.waiting -= 1
            of.busy += 1
            self._waiting -= 1
            self._busy += 1
            return True
        of.idle.append(member)
        self._idle[member] = (spec, now)
        return False

    def _evict_if_full(self) -> M | None:
        if self.alive < self._concurrency:
            return None
        found = next(((member, spec) for member, (spec, _) in self._idle.items() if spec not in self._kept), None)
        if found is None:
            return None
        self._forget_idle(*found)
        return found[0]

    def _kept_idle(self) -> int:
        return sum(len(self._specs[spec].idle) for spec in self._kept if spec in self._specs)

    def _forget_idle(self, member: M, spec: S) -> None:
        del self._idle[member]
        self._specs[spec].idle.remove(member)
        self._drop_if_empty(spec)

    def _drop_if_empty(self, spec: S) -> None:
        of = self._specs[spec]
        if not (of.idle or of.starting or of.busy or of.waiting):
            del self._specs[spec]
