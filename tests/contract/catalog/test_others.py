"""What any catalog does with events, secrets and archives."""

from __future__ import annotations

from dataclasses import replace

from lamina.catalog.port import Catalog
from lamina.catalog.queues import Delivery, Event
from lamina.names import Digest, FunctionArn

from .examples import HERE, OTHER_ACCOUNT, archive, function, layer_version

EVENT = Event(
    id="11111111-2222-3333-4444-555555555555",
    function=FunctionArn(HERE, "f", "live"),
    payload=b"\x00{}",
    received_at=1_000.25,
    due_at=1_000.5,
    attempts=1,
    trace_header="Root=1-2-3",
    client_context="e30=",
)


def test_an_event_stays_due_until_it_is_put_off_or_removed(catalog: Catalog) -> None:
    later = replace(EVENT, id="later", due_at=2_000.0, function=FunctionArn(HERE, "f"), trace_header=None)
    with catalog.writing() as transaction:
        assert transaction.events.next_due() is None
        transaction.events.add(later)
        transaction.events.add(EVENT)
        assert transaction.events.next_due() == EVENT.due_at
        assert transaction.events.due(now=1_000.4, limit=10) == []
        assert transaction.events.due(now=1_000.5, limit=10) == [EVENT]
        assert transaction.events.due(now=3_000.0, limit=10) == [EVENT, later]
        assert [transaction.events.are_at_least(count) for count in (1, 2, 3)] == [True, True, False]
        assert transaction.events.count() == 2
        assert transaction.events.due(now=3_000.0, limit=1) == [EVENT]
        transaction.events.reschedule(EVENT.id, attempts=2, due_at=2_500.0)
        assert transaction.events.due(now=2_500.0, limit=10) == [later, replace(EVENT, attempts=2, due_at=2_500.0)]
        transaction.events.remove(EVENT.id)
        transaction.events.remove(EVENT.id)
        transaction.events.reschedule(EVENT.id, attempts=3, due_at=0.0)
        assert transaction.events.due(now=3_000.0, limit=10) == [later]


def test_a_delivery_stays_due_until_it_is_put_off_or_removed(catalog: Catalog) -> None:
    request = {"service": "sns", "operation": "publish", "parameters": {"Message": "é"}}
    one = Delivery("1", "arn:aws:sns:eu-west-1:123456789012:t", request, received_at=1_000.25, due_at=1_000.5)
    later = replace(one, id="2", due_at=2_000.0, attempts=3)
    with catalog.writing() as transaction:
        assert transaction.deliveries.next_due() is None
        transaction.deliveries.add(later)
        transaction.deliveries.add(one)
        assert transaction.deliveries.next_due() == one.due_at
        assert transaction.deliveries.count() == 2
        assert transaction.deliveries.due(now=1_000.4, limit=10) == []
        assert transaction.deliveries.due(now=3_000.0, limit=1) == [one]
        transaction.deliveries.reschedule("1", attempts=1, due_at=2_500.0)
        assert transaction.deliveries.due(now=3_000.0, limit=10) == [later, replace(one, attempts=1, due_at=2_500.0)]
        transaction.deliveries.remove("1")
        transaction.deliveries.remove("1")
        assert transaction.deliveries.due(now=3_000.0, limit=10) == [later]


def test_what_came_by_a_clock_that_has_gone_back_is_due_now(catalog: Catalog) -> None:
    delivery = Delivery("1", "arn:aws:sns:eu-west-1:123456789012:t", {}, received_at=2_000.0, due_at=2_000.0)
    put_off = replace(EVENT, id="put off", due_at=1_900.0)
    with catalog.writing() as transaction:
        transaction.events.add(replace(EVENT, received_at=2_000.0, due_at=2_060.0))
        transaction.events.add(put_off)
        transaction.deliveries.add(delivery)
        transaction.events.hurry(1_500.0)
        transaction.deliveries.hurry(1_500.0)
        assert [event.id for event in transaction.events.due(now=1_500.0, limit=10)] == [EVENT.id]
        assert transaction.events.due(now=1_900.0, limit=10)[1:] == [put_off]
        assert [each.id for each in transaction.deliveries.due(now=1_500.0, limit=10)] == ["1"]


def test_a_secret_is_made_once(catalog: Catalog) -> None:
    with catalog.writing() as transaction:
        one, other = transaction.secrets.obtain("one"), transaction.secrets.obtain("other")
    with catalog.writing() as transaction:
        assert transaction.secrets.obtain("one") == one != other
    assert len(one) == 32


def test_an_archive_is_in_use_as_long_as_anything_consists_of_it(catalog: Catalog) -> None:
    base = layer_version("base", 1)
    user = function("f", base)
    with catalog.writing() as transaction:
        archives = transaction.archives
        transaction.layers.next_number(base.arn.layer)
        transaction.layers.add(base)
        transaction.functions.add(user, {})
        assert archives.all_in_use() == {base.archive.digest, user.code.digest}
        unknown = archive("never stored").digest
        assert archives.in_use_among([unknown, base.archive.digest, user.code.digest]) == archives.all_in_use()
        assert archives.in_use_among([unknown]) == archives.in_use_among([]) == frozenset()
        transaction.layers.delete(base.arn)
        # The function goes on using it.
        assert archives.in_use(base.archive.digest)
        transaction.functions.delete(HERE, "f")
        assert not archives.in_use(base.archive.digest)
        assert not archives.in_use(user.code.digest)
        assert archives.all_in_use() == frozenset()
        assert not archives.in_use(Digest(archive("never stored").digest.hex))


def test_tags_of_what_is_no_function(catalog: Catalog) -> None:
    with catalog.writing() as transaction:
        assert transaction.tags.of(HERE, "code-signing-config:csc-1") == {}
        transaction.tags.set(HERE, "code-signing-config:csc-1", {"a": "1"})
        transaction.tags.set(HERE, "code-signing-config:csc-1", {"b": "2", "c": ""})
        assert transaction.tags.of(HERE, "code-signing-config:csc-1") == {"b": "2", "c": ""}
        assert transaction.tags.of(OTHER_ACCOUNT, "code-signing-config:csc-1") == {}
        transaction.tags.set(HERE, "code-signing-config:csc-1", {})
        assert transaction.tags.of(HERE, "code-signing-config:csc-1") == {}
