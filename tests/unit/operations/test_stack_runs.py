"""Operations on stacks, on a world of dicts: whatever fails or is cut off, it ends as it began or as wanted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any, cast

import pytest

from lamina.catalog.sql import SqlCatalog, SqlTransaction
from lamina.names import Scope
from lamina.operations.stacks.answers import Answers
from lamina.operations.stacks.clients import Clients
from lamina.operations.stacks.hands import Means
from lamina.operations.stacks.kinds.kind import Failed, HalfMade, Made, Properties, Site
from lamina.operations.stacks.run import Run
from lamina.operations.stamps import Stamps
from lamina.stacks.stack import Input, Operation, Resource, Stack

HERE = Scope("111122223333", "eu-west-1")
LAYER, FUNCTION, QUEUE = "AWS::Lambda::LayerVersion", "AWS::Lambda::Function", "AWS::SQS::Queue"


class Cut(BaseException):
    """The server is killed."""


class World:
    """What exists, by identifier. `fails` is a value no resource may have; with `half` it is there all the same."""

    def __init__(self) -> None:
        self.there: dict[str, Mapping[str, Any]] = {}
        self.made = 0
        self.fails: object = None
        self.half = False

    def make(self, site: Site, properties: Properties) -> Made:
        self.made += 1
        physical_id = f"{site.logical_id}:{self.made}"
        if self.fails in properties.values():
            if self.half:
                self.there[physical_id] = properties
                raise HalfMade(physical_id) from Failed("it is not wanted")
            raise Failed("it is not wanted")
        self.there[physical_id] = properties
        return Made(physical_id, {"Arn": f"arn:{physical_id}"})

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        assert before.physical_id in self.there
        self.there[before.physical_id] = properties
        if self.fails in properties.values():
            raise Failed("it is not wanted")
        return Made(before.physical_id, before.attributes)

    def remove(self, site: Site, made: Resource) -> None:
        self.there.pop(made.physical_id, None)

    @property
    def seen(self) -> list[tuple[str, str]]:
        """What there is, by logical id, with the one property that counts."""
        return sorted((key.partition(":")[0], str(value.get("Value"))) for key, value in self.there.items())


class Killable:
    """A catalog whose process is killed at its write number `at`: before it, and nothing is written any more."""

    def __init__(self, catalog: SqlCatalog) -> None:
        self.catalog, self.at, self.writes = catalog, -1, 0
        self.reading = catalog.reading

    @contextmanager
    def writing(self) -> Iterator[SqlTransaction]:
        self.writes += 1
        if self.writes == self.at:
            raise Cut
        with self.catalog.writing() as transaction:
            yield transaction


class House:
    """A catalog, a world, and runs that bring the two together."""

    def __init__(self) -> None:
        self.catalog = Killable(SqlCatalog.open("sqlite://"))
        self.world = World()
        self.stack = Stack(HERE, "s", "arn:s/1", "", 0, "http://here")

    def means(self) -> Means:
        kind: Callable[[str], Any] = lambda _: self.world  # noqa: E731 - as the table of kinds is given
        clients = cast(Clients, None)
        return Means(cast(Any, self.catalog), clients, Answers(None), kind, Stamps(), lambda: False, lambda _: False)

    def begin(
        self,
        kind: str,
        document: Mapping[str, Any] | None,
        *,
        tags: Mapping[str, str] = MappingProxyType({}),
        **more: Any,
    ) -> Stack:
        text = json.dumps(document)
        before = self.stack.input if kind == "UPDATE" else None
        if kind == "UPDATE" and self.stack.halted is not None:
            more["leaving"] = self.stack.halted.leaving
        wanted = self.stack.input if document is None else Input(text, text, tags=dict(tags))
        operation = Operation(kind, None, before=before, **more)
        self.stack = replace(self.stack, status=f"{kind}_IN_PROGRESS", input=wanted, operation=operation)
        with self.catalog.catalog.writing() as transaction:
            transaction.stacks.put(self.stack)
        return self.carry_out()

    def carry_out(self) -> Stack:
        """Carry the operation out, beginning again whenever the server is killed."""
        while self.stack.is_busy:
            try:
                Run(self.means(), self.stack).carry_out()
            except Cut:
                # What it was doing to the world was done, or was not: both are tried, by where it is cut.
                self.catalog.at = -1
            with self.catalog.reading() as transaction:
                found = transaction.stacks.get(HERE, self.stack.id)
            assert found is not None
            self.stack = found
        return self.stack


def template(**values: str) -> dict[str, Any]:
    """A layer, a function that uses it, a queue: of those that have a value."""
    types = {"Layer": LAYER, "Function": FUNCTION, "Queue": QUEUE}
    resources: dict[str, Any] = {
        name: {"Type": types[name], "Properties": {"Value": value}} for name, value in values.items()
    }
    if "Function" in resources and "Layer" in resources:
        resources["Function"]["Properties"]["Layers"] = [{"Ref": "Layer"}]
    return {"Resources": resources}


OLD = template(Layer="a", Function="a", Queue="a")
NEW = template(Layer="b", Function="b")
SEEN_OLD = [("Function", "a"), ("Layer", "a"), ("Queue", "a")]
SEEN_NEW = [("Function", "b"), ("Layer", "b")]


@pytest.fixture
def house() -> House:
    return House()


def test_an_update_ends_with_what_is_wanted_and_nothing_else(house: House) -> None:
    assert house.begin("CREATE", OLD).status == "CREATE_COMPLETE"
    assert house.world.seen == SEEN_OLD
    assert house.begin("UPDATE", NEW).status == "UPDATE_COMPLETE"
    assert house.world.seen == SEEN_NEW
    assert house.world.there[house.stack.resources["Function"].physical_id]["Layers"] == ["Layer:4"]
    assert house.begin("DELETE", None).status == "DELETE_COMPLETE"
    assert house.world.there == {}


@pytest.mark.parametrize("half", [False, True])
def test_a_creation_that_fails_leaves_nothing(house: House, half: bool) -> None:
    house.world.fails, house.world.half = "no", half
    assert house.begin("CREATE", template(Queue="fine", Layer="fine", Function="no")).status == "ROLLBACK_COMPLETE"
    assert house.world.there == {}


@pytest.mark.parametrize("failing", ["Layer", "Function", "Queue"])
def test_an_update_that_fails_anywhere_is_taken_back(house: House, failing: str) -> None:
    house.begin("CREATE", OLD)
    house.world.fails = "no"
    wanted = template(**{name: "no" if name == failing else "b" for name in ("Layer", "Function", "Queue")})
    assert house.begin("UPDATE", wanted).status == "UPDATE_ROLLBACK_COMPLETE"
    assert house.world.seen == SEEN_OLD
    assert house.world.there[house.stack.resources["Function"].physical_id]["Layers"] == [
        house.stack.resources["Layer"].physical_id
    ]
    assert json.loads(house.stack.input.template) == OLD
    # And nothing stands in the way of the next one.
    assert house.begin("UPDATE", NEW).status == "UPDATE_COMPLETE"
    assert house.world.seen == SEEN_NEW


def test_what_failed_can_be_left_to_be_looked_at(house: House) -> None:
    house.world.fails = "no"
    assert house.begin("CREATE", template(Queue="fine", Layer="no"), on_failure="DO_NOTHING").status == "CREATE_FAILED"
    assert house.world.seen == [("Queue", "fine")]
    assert house.begin("DELETE", None).status == "DELETE_COMPLETE"
    assert house.world.there == {}


def test_an_update_that_is_left_in_the_middle_can_be_gone_on_with(house: House) -> None:
    house.begin("CREATE", OLD)
    house.world.fails = "no"
    assert house.begin("UPDATE", template(Layer="b", Function="no"), on_failure="DO_NOTHING").status == "UPDATE_FAILED"
    assert house.world.seen == [("Function", "no"), ("Layer", "a"), ("Layer", "b"), ("Queue", "a")]
    house.world.fails = None
    assert house.begin("UPDATE", template(Layer="b", Function="no")).status == "UPDATE_COMPLETE"
    assert house.world.seen == [("Function", "no"), ("Layer", "b")]


def test_a_replacement_that_fails_and_is_left_is_what_it_was(house: House) -> None:
    house.begin("CREATE", OLD)
    house.world.fails = "no"
    assert house.begin("UPDATE", template(Layer="no"), on_failure="DO_NOTHING").status == "UPDATE_FAILED"
    assert house.stack.resources["Layer"].physical_id in house.world.there
    assert house.begin("DELETE", None).status == "DELETE_COMPLETE"
    assert house.world.there == {}


def test_functions_are_brought_in_step_with_changed_tags_of_the_stack(house: House) -> None:
    house.begin("CREATE", OLD)
    changed: list[str] = []
    world = house.world.change

    def noting(site: Site, before: Resource, properties: Properties) -> Made:
        changed.append(f"{site.logical_id} {dict(site.tags)}")
        return world(site, before, properties)

    house.world.change = noting  # type: ignore[method-assign]
    assert house.begin("UPDATE", OLD, tags={"a": "b"}).status == "UPDATE_COMPLETE"
    assert sorted(changed) == ["Function {'a': 'b'}", "Queue {'a': 'b'}"]


def test_what_is_to_stay_stays(house: House) -> None:
    kept = template(Layer="a", Queue="a")
    kept["Resources"]["Layer"]["UpdateReplacePolicy"] = "Retain"
    kept["Resources"]["Queue"]["DeletionPolicy"] = "Retain"
    house.begin("CREATE", kept)
    house.begin("UPDATE", template(Layer="b"))
    assert house.world.seen == [("Layer", "a"), ("Layer", "b"), ("Queue", "a")]


@pytest.mark.parametrize("wanted", [NEW, template(Layer="b", Function="no")])
def test_an_update_cut_off_at_any_write_ends_as_it_began_or_as_wanted(wanted: dict[str, Any]) -> None:
    at, ends = 1, set()
    while True:
        house = House()
        house.begin("CREATE", OLD)
        house.world.fails = "no"
        house.catalog.at, house.catalog.writes = at, 0
        status = house.begin("UPDATE", wanted).status
        ends.add(status)
        leftovers = _leftovers(house)
        assert house.world.seen == sorted([*(SEEN_NEW if status == "UPDATE_COMPLETE" else SEEN_OLD), *leftovers]), at
        assert len(leftovers) <= 1, "nothing is left but what was being made at that moment"
        if house.catalog.at != -1:
            break
        at += 1
    assert at > 10, "it was cut off at every write there is"
    assert ends == {"UPDATE_ROLLBACK_COMPLETE", *(["UPDATE_COMPLETE"] if wanted is NEW else [])}


def test_a_deletion_cut_off_at_any_write_is_finished() -> None:
    for at in range(1, 12):
        house = House()
        house.begin("CREATE", OLD)
        house.catalog.at, house.catalog.writes = at, 0
        assert house.begin("DELETE", None).status == "DELETE_COMPLETE"
        assert house.world.there == {}


def test_a_way_back_that_fails_can_be_gone_on_with(house: House) -> None:
    house.begin("CREATE", OLD)
    house.world.fails = "b"
    removing = house.world.change

    def refusing(site: Site, before: Resource, properties: Properties) -> Made:
        if properties["Value"] == "a":
            raise Failed("not now")
        return removing(site, before, properties)

    house.world.change = refusing  # type: ignore[method-assign]
    wanted = template(Layer="a", Function="b", Queue="a")
    assert house.begin("UPDATE", wanted).status == "UPDATE_ROLLBACK_FAILED"
    house.world.change = removing  # type: ignore[method-assign]
    assert house.stack.halted is not None
    house.stack = replace(house.stack, operation=house.stack.halted, halted=None, status="UPDATE_ROLLBACK_IN_PROGRESS")
    assert house.carry_out().status == "UPDATE_ROLLBACK_COMPLETE"
    assert house.world.seen == SEEN_OLD


def _leftovers(house: House) -> list[tuple[str, str]]:
    """What the world has that the stack knows nothing of: made in the moment of the kill, and not recorded."""
    known = {each.physical_id for each in house.stack.resources.values()}
    left = {key: value for key, value in house.world.there.items() if key not in known}
    return [(key.partition(":")[0], str(value.get("Value"))) for key, value in left.items()]
