"""Every step an extension may take, and those it may not."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.runtime_api.extensions import EXTENSIONS_MAX, ExtensionFailed, Extensions, Facts, State
from lamina.runtime_api.replies import Reply

FACTS = Facts("f", "7", "app.handler", "123456789012")
BOTH = b'{"events": ["INVOKE", "SHUTDOWN"]}'
INVOKE = {"requestId": "ID", "deadlineMs": 1}


class House:
    """Extensions, with what was told of them and what they were told."""

    def __init__(self, *external: str) -> None:
        self.changes = 0
        self.failures: list[ExtensionFailed] = []
        self.told: dict[str, list[dict[str, Any]]] = {}
        self.extensions = Extensions(FACTS, self._change, self.failures.append)
        self.extensions.expect(external)

    def _change(self) -> None:
        self.changes += 1

    def register(self, name: str, body: bytes = BOTH) -> str:
        reply = self.extensions.register(name, body, "")
        assert reply.status == 200, reply.body
        return reply.headers["Lambda-Extension-Identifier"]

    def next(self, identifier: str) -> Reply | None:
        told = self.told.setdefault(identifier, [])
        return self.extensions.next(identifier, lambda reply: told.append(json.loads(reply.body)))

    def ready(self, name: str, body: bytes = BOTH) -> str:
        identifier = self.register(name, body)
        assert self.next(identifier) is None
        return identifier


def refusal(reply: Reply | None) -> tuple[int, str, str]:
    assert reply is not None
    body = json.loads(reply.body)
    return reply.status, body["errorType"], body["errorMessage"]


def test_where_there_are_none_nobody_is_waited_for() -> None:
    extensions = House().extensions
    assert (extensions.all_registered, extensions.all_ready, extensions.shutdown_s) == (True, True, 0.0)


def test_a_program_is_awaited_until_it_has_registered_and_asked() -> None:
    house = House("a", "b")
    seen = []

    def look() -> None:
        seen.append((house.extensions.all_registered, house.extensions.all_ready))

    first = house.register("a")
    look()
    second = house.register("b")
    look()
    house.next(first)
    look()
    house.next(second)
    look()
    assert seen == [(False, False), (True, False), (True, False), (True, True)]
    assert house.changes == 4


def test_registering_tells_of_the_function() -> None:
    reply = House("a").extensions.register("a", BOTH, "")
    assert json.loads(reply.body) == {"functionName": "f", "functionVersion": "7", "handler": "app.handler"}
    assert str(uuid.UUID(reply.headers["Lambda-Extension-Identifier"])) == reply.headers["Lambda-Extension-Identifier"]


@pytest.mark.parametrize(("asked", "told"), [("accountId", True), ("other, accountId", True), ("account", False)])
def test_the_account_is_told_to_who_accepts_it(asked: str, told: bool) -> None:
    reply = House("a").extensions.register("a", BOTH, asked)
    assert ("accountId" in json.loads(reply.body)) is told


@pytest.mark.parametrize("body", [b"{}", b'{"events": []}', b'{"events": null}'])
def test_it_may_want_no_event_at_all(body: bytes) -> None:
    house = House("a")
    identifier = house.ready("a", body)
    house.extensions.invoke(INVOKE)
    assert house.told[identifier] == []
    assert house.extensions.all_ready


def test_events_reach_those_who_want_them() -> None:
    house = House("a", "b")
    both, one = house.ready("a"), house.ready("b", b'{"events": ["SHUTDOWN"]}')
    house.extensions.invoke(INVOKE)
    assert house.told == {both: [{"eventType": "INVOKE", **INVOKE}], one: []}
    assert [seen.state for seen in house.extensions.seen()] == [State.RUNNING, State.READY]
    house.next(both)
    assert house.extensions.all_ready
    house.extensions.shut_down({"shutdownReason": "spindown", "deadlineMs": 2})
    assert [events[-1]["eventType"] for events in house.told.values()] == ["SHUTDOWN", "SHUTDOWN"]


def test_an_event_waits_for_who_works_or_whose_connection_broke() -> None:
    house = House("a")
    identifier = house.register("a")
    gone: list[Reply] = []
    reply = gone.append
    house.extensions.next(identifier, reply)
    house.extensions.hung_up(reply)
    house.extensions.invoke(INVOKE)
    assert gone == []
    assert not house.extensions.all_ready
    house.next(identifier)
    assert [event["eventType"] for event in house.told[identifier]] == ["INVOKE"]
    house.extensions.shut_down({})
    house.next(identifier)
    assert [event["eventType"] for event in house.told[identifier]] == ["INVOKE", "SHUTDOWN"]


def test_each_event_has_an_identifier_of_its_own() -> None:
    house = House("a")
    replies: list[Reply] = []
    identifier = house.register("a")
    for _ in range(2):
        house.extensions.next(identifier, replies.append)
        house.extensions.invoke(INVOKE)
    assert len({reply.headers["Lambda-Extension-Event-Identifier"] for reply in replies}) == 2


def test_a_name_registers_once() -> None:
    house = House("a")
    house.register("a")
    status, kind, text = refusal(house.extensions.register("a", BOTH, ""))
    assert (status, kind) == (403, "Extension.InvalidExtensionState")
    assert text.startswith("State transition from Registered to Registered failed for extension a.")
    house.register("inside", b'{"events": ["INVOKE"]}')
    assert refusal(house.extensions.register("inside", b"{}", ""))[1] == "Extension.InvalidExtensionState"


@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("", BOTH, "Extension.InvalidExtensionName"),
        ("a", b"no json", "InvalidRequestFormat"),
        ("a", b"[" * 100_000, "InvalidRequestFormat"),
        ("a", b"[]", "InvalidRequestFormat"),
        ("a", b'{"events": "INVOKE"}', "InvalidRequestFormat"),
        ("a", b'{"events": [1]}', "InvalidRequestFormat"),
        ("a", b'{"configurationKeys": ["x"]}', "InvalidRequestFormat"),
        ("a", b'{"events": ["RESTORE"]}', "Extension.InvalidEventType"),
        ("inside", b'{"events": ["SHUTDOWN"]}', "Extension.InvalidEventType"),
        ("x" * 256, b"{}", "Extension.InvalidExtensionName"),
    ],
)
def test_what_is_refused_when_registering(name: str, body: bytes, kind: str) -> None:
    house = House("a")
    assert refusal(house.extensions.register(name, body, ""))[:2] == (403, kind)
    assert house.extensions.count == 1, "nothing is kept of it"
    house.register("a")


def test_there_are_ten_and_no_more() -> None:
    house = House("a")
    for number in range(EXTENSIONS_MAX - 1):
        house.register(f"inside{number}", b"{}")
    refused = refusal(house.extensions.register("one more", b"{}", ""))
    assert refused == (403, "Extension.TooManyExtensions", "Extension limit (10) reached")


def test_registration_closes_for_internal_ones() -> None:
    house = House("a")
    house.extensions.close_registration()
    refused = refusal(house.extensions.register("inside", b"{}", ""))
    assert refused == (403, "Extension.RegistrationClosed", "Extension registration closed already")


@pytest.mark.parametrize(
    ("identifier", "kind"),
    [
        (None, "Extension.MissingExtensionIdentifier"),
        ("", "Extension.MissingExtensionIdentifier"),
        ("nonsense", "Extension.InvalidExtensionIdentifier"),
        (str(uuid.UUID(int=0)), "Extension.UnknownExtensionIdentifier"),
    ],
)
def test_whoever_is_not_known_is_refused_everything(identifier: str | None, kind: str) -> None:
    extensions = House("a").extensions
    name = extensions.name_of(identifier)
    assert isinstance(name, Reply)
    for reply in (
        extensions.next(identifier, lambda _: None),
        extensions.init_error(identifier, "Type"),
        extensions.exit_error(identifier, "Type"),
        name,
    ):
        assert refusal(reply)[:2] == (403, kind)


def test_an_identifier_may_be_written_in_capitals() -> None:
    house = House("a")
    assert house.extensions.name_of(house.register("a").upper()) == "a"


def test_failing_to_initialise_is_told_once_and_ends_the_conversation() -> None:
    house = House("a")
    identifier = house.register("a")
    assert refusal(house.extensions.init_error(identifier, None))[1] == "Extension.MissingHeader"
    assert house.extensions.init_error(identifier, "Mine.Bad").status == 202
    assert house.failures == [ExtensionFailed("Extension.InitError", "Mine.Bad")]
    assert refusal(house.extensions.init_error(identifier, "Mine.Bad"))[1] == "Extension.InvalidExtensionState"
    assert refusal(house.next(identifier))[1] == "Extension.InvalidExtensionState"


def test_once_it_is_ready_it_cannot_fail_to_initialise_but_exit() -> None:
    house = House("a")
    identifier = house.ready("a")
    assert refusal(house.extensions.init_error(identifier, "Mine.Bad"))[1] == "Extension.InvalidExtensionState"
    assert house.extensions.exit_error(identifier, "Mine.Gone").status == 202
    assert house.failures == [ExtensionFailed("Extension.ExitError", "Mine.Gone")]


def test_who_has_gone_is_neither_registered_nor_ready() -> None:
    house = House("a")
    house.ready("a")
    house.extensions.ended("a")
    assert (house.extensions.all_registered, house.extensions.all_ready) == (False, False)
    assert [seen.state for seen in house.extensions.seen()] == [State.EXITED]


def test_how_long_the_end_may_take() -> None:
    inside, outside = House(), House("a")
    inside.register("inside", b"{}")
    assert (inside.extensions.shutdown_s, outside.extensions.shutdown_s) == (0.5, 2.0)
    outside.register("a")
    assert (outside.extensions.subscribers("SHUTDOWN"), inside.extensions.subscribers("INVOKE")) == (["a"], [])


@settings(max_examples=200, deadline=None, database=None)
@given(st.lists(st.tuples(st.sampled_from(["register", "next", "init", "exit", "invoke", "shutdown", "ended"]),
                          st.integers(0, 2)), max_size=30))  # fmt: skip
def test_whatever_they_do_each_event_is_told_at_most_once(steps: list[tuple[str, int]]) -> None:
    house = House("a", "b")
    names, known = ("a", "b", "c"), dict[str, str]()
    events = 0
    for step, who in steps:
        name = names[who]
        identifier = known.get(name)
        if step == "register":
            reply = house.extensions.register(name, b'{"events": ["INVOKE"]}', "")
            if reply.status == 200:
                known[name] = reply.headers["Lambda-Extension-Identifier"]
        elif step == "invoke":
            if house.extensions.all_ready:
                house.extensions.invoke({"number": events})
                events += 1
        elif step == "shutdown":
            house.extensions.shut_down({})
        elif step == "ended":
            house.extensions.ended(name)
        elif identifier is not None:
            if step == "next":
                house.next(identifier)
            elif step == "init":
                house.extensions.init_error(identifier, "T")
            else:
                house.extensions.exit_error(identifier, "T")
    for told in house.told.values():
        numbers = [event["number"] for event in told]
        assert len(numbers) == len(set(numbers)) <= events
        assert numbers == sorted(numbers)
