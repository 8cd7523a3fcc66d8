"""Who gets which environment: examples of each rule, then random walks beside a model that shares no code with it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import DataObject, data, sampled_from

from lamina.environments.pool import Pool, Queue, Take, Throttle

START: Queue[str] = Queue(start=True)
WAIT: Queue[str] = Queue(start=False)


def idle_pool(concurrency: int, *members: tuple[str, str]) -> Pool[str, str]:
    """A pool with idle (spec, member) pairs, the first idle for longest."""
    pool: Pool[str, str] = Pool(concurrency)
    for spec, _ in members:
        assert pool.request(spec) == START
    for moment, (spec, member) in enumerate(members):
        assert pool.started(spec, member, moment)
    for moment, (spec, member) in enumerate(members):
        assert not pool.released(spec, member, 10.0 + moment)
    return pool


def test_the_environment_used_last_is_used_next() -> None:
    pool = idle_pool(3, ("f", "first"), ("f", "second"), ("f", "third"))
    assert [pool.request("f") for _ in range(3)] == [Take("third"), Take("second"), Take("first")]


def test_an_environment_serves_no_other_spec() -> None:
    pool = idle_pool(2, ("f", "of f"))
    assert pool.request("g") == START


def test_whatever_comes_free_first_goes_to_who_waited_longest() -> None:
    pool: Pool[str, str] = Pool(3)
    assert pool.request("f") == START
    assert pool.started("f", "one", 0.0)
    assert pool.request("f") == START
    assert pool.released("f", "one", 1.0), "the waiting caller takes it before its own has started"
    assert not pool.started("f", "two", 2.0), "nobody waits any more"
    assert pool.idle == 1


def test_what_was_started_for_a_caller_who_got_another_serves_the_next() -> None:
    pool: Pool[str, str] = Pool(3)
    assert pool.request("f") == START
    assert pool.started("f", "one", 0.0)
    assert pool.request("f") == START
    assert pool.released("f", "one", 1.0)
    assert pool.request("f") == WAIT


def test_calls_above_the_concurrency_are_throttled_running_or_waiting() -> None:
    pool: Pool[str, str] = Pool(2)
    assert pool.request("f") == START
    assert pool.started("f", "one", 0.0)
    assert pool.request("g") == START
    assert pool.request("f") == Throttle()
    pool.stopped_waiting("g")
    assert isinstance(pool.request("f"), Queue)


def test_a_full_house_makes_room_by_ending_what_was_idle_for_longest() -> None:
    pool = idle_pool(2, ("f", "old"), ("g", "young"))
    assert pool.request("h") == Queue(start=True, evict="old")
    assert pool.request("f") == Queue(start=True, evict="young")
    assert pool.alive == 2


def test_a_house_with_room_ends_nothing() -> None:
    assert idle_pool(3, ("f", "one"), ("g", "two")).request("h") == START


def test_idle_environments_can_be_taken_out_by_age_or_spec() -> None:
    pool = idle_pool(3, ("f", "one"), ("f", "two"), ("g", "three"))
    assert pool.take_idle(lambda _spec, _member, since: since < 11.0) == ["one"]
    assert pool.take_idle(lambda spec, _member, _since: spec == "f") == ["two"]
    assert (pool.alive, pool.idle) == (1, 1)


def test_an_environment_that_ended_is_never_given_out() -> None:
    pool = idle_pool(2, ("f", "one"))
    assert pool.request("f") == Take("one")
    pool.ended("f")
    assert pool.alive == 0
    assert pool.request("f") == START


def test_members_of_a_kept_spec_are_not_driven_out_and_count_as_taken() -> None:
    pool: Pool[str, str] = Pool(2)
    pool.keep("kept")
    assert pool.start_ahead("kept") == START
    assert not pool.started("kept", "ready", 0.0), "nobody waits for it"
    assert pool.has_idle("kept")
    assert pool.request("f") == START
    assert pool.request("g") == Throttle()
    assert pool.request("kept") == Take("ready")
    assert not pool.has_idle("kept")


def test_there_is_room_for_what_is_started_ahead_or_there_is_not() -> None:
    pool = idle_pool(1, ("f", "of f"))
    assert pool.start_ahead("g") == Queue(start=True, evict="of f")
    assert pool.start_ahead("g") == Throttle()
    pool.start_failed("g")
    assert pool.alive == 0


def test_what_is_let_go_is_like_any_other() -> None:
    pool = idle_pool(1, ("f", "of f"))
    pool.keep("f")
    assert pool.request("g") == Throttle()
    pool.let_go("f")
    assert pool.request("g") == Queue(start=True, evict="of f")


@dataclass
class Model:
    """What a person would keep on paper: who waits, what is being started, what runs, what rests."""

    concurrency: int
    waiting: list[str] = field(default_factory=list)
    starting: list[str] = field(default_factory=list)
    busy: list[tuple[str, str]] = field(default_factory=list)
    idle: deque[tuple[str, str]] = field(default_factory=deque)  # idle for longest first


class PoolWalk(RuleBasedStateMachine):
    """Random walks as the worker makes them."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(concurrency=4)
        self.pool: Pool[str, str] = Pool(self.model.concurrency)
        self.made = 0
        self.now = 0.0

    @rule(spec=sampled_from("fgh"))
    def request(self, spec: str) -> None:
        model = self.model
        decision = self.pool.request(spec)
        if len(model.busy) + len(model.waiting) >= model.concurrency:
            assert decision == Throttle()
            return
        resting = [pair for pair in model.idle if pair[0] == spec]
        if resting:
            assert decision == Take(resting[-1][1])
            model.idle.remove(resting[-1])
            model.busy.append(resting[-1])
            return
        model.waiting.append(spec)
        if model.starting.count(spec) >= model.waiting.count(spec):
            assert decision == WAIT
            return
        full = len(model.starting) + len(model.busy) + len(model.idle) >= model.concurrency
        evicted = model.idle.popleft()[1] if full and model.idle else None
        assert decision == Queue(start=True, evict=evicted)
        model.starting.append(spec)

    @precondition(lambda self: self.model.starting)
    @rule(draw=data())
    def started(self, draw: DataObject) -> None:
        spec = draw.draw(sampled_from(self.model.starting))
        self.model.starting.remove(spec)
        self.made += 1
        self.free(spec, f"{spec}{self.made}", self.pool.started(spec, f"{spec}{self.made}", self.tick()))

    @precondition(lambda self: self.model.starting)
    @rule(draw=data())
    def start_failed(self, draw: DataObject) -> None:
        spec = draw.draw(sampled_from(self.model.starting))
        self.model.starting.remove(spec)
        if spec in self.model.waiting:
            # Who waits for longest is told.
            self.model.waiting.remove(spec)
            self.pool.stopped_waiting(spec)
        self.pool.start_failed(spec)

    @precondition(lambda self: self.model.waiting)
    @rule(draw=data())
    def gives_up(self, draw: DataObject) -> None:
        spec = draw.draw(sampled_from(self.model.waiting))
        self.model.waiting.remove(spec)
        self.pool.stopped_waiting(spec)

    @precondition(lambda self: self.model.busy)
    @rule(draw=data())
    def released(self, draw: DataObject) -> None:
        spec, member = draw.draw(sampled_from(self.model.busy))
        self.model.busy.remove((spec, member))
        self.free(spec, member, self.pool.released(spec, member, self.tick()))

    @precondition(lambda self: self.model.busy)
    @rule(draw=data())
    def ended(self, draw: DataObject) -> None:
        pair = draw.draw(sampled_from(self.model.busy))
        self.model.busy.remove(pair)
        self.pool.ended(pair[0])

    @rule(spec=sampled_from("fgh"))
    def retired(self, spec: str) -> None:
        gone = [pair for pair in self.model.idle if pair[0] == spec]
        assert self.pool.take_idle(lambda of, _member, _since: of == spec) == [member for _, member in gone]
        for pair in gone:
            self.model.idle.remove(pair)

    def free(self, spec: str, member: str, handed_over: bool) -> None:
        assert handed_over == (spec in self.model.waiting)
        if handed_over:
            self.model.waiting.remove(spec)
            self.model.busy.append((spec, member))
        else:
            self.model.idle.append((spec, member))

    def tick(self) -> float:
        self.now += 1
        return self.now

    @invariant()
    def counts_agree(self) -> None:
        model = self.model
        assert self.pool.busy == len(model.busy)
        assert self.pool.idle == len(model.idle)
        assert self.pool.alive == len(model.busy) + len(model.idle) + len(model.starting)

    @invariant()
    def one_event_at_a_time(self) -> None:
        members = [member for _, member in (*self.model.busy, *self.model.idle)]
        assert len(members) == len(set(members))
        assert len(self.model.busy) + len(self.model.waiting) <= self.model.concurrency

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        for spec in "fgh":
            assert self.model.starting.count(spec) >= self.model.waiting.count(spec)
            assert not (spec in self.model.waiting and any(of == spec for of, _ in self.model.idle))

    def teardown(self) -> None:
        """Bring everything to its end: every caller left must be served, and nothing remembered."""
        while self.model.starting:
            spec = self.model.starting.pop()
            self.made += 1
            self.free(spec, f"{spec}{self.made}", self.pool.started(spec, f"{spec}{self.made}", self.tick()))
        assert self.model.waiting == []
        for spec, _ in self.model.busy:
            self.pool.ended(spec)
        self.pool.take_idle(lambda *_: True)
        assert self.pool.alive == 0
        assert self.pool._specs == {}


PoolWalk.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None, database=None)
TestPool = PoolWalk.TestCase
