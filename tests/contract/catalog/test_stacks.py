"""What any catalog does with CloudFormation's stacks, their events and change sets."""

from __future__ import annotations

from dataclasses import replace

from lamina.catalog.port import Catalog
from lamina.stacks.parameters import Parameter
from lamina.stacks.stack import ChangeSet, Input, Operation, Resource, Stack, Step

from .examples import HERE, OTHER_ACCOUNT

RESOURCE = Resource("Layer", "AWS::Lambda::LayerVersion", "arn:1", {"N": "l"}, {"A": "1"}, "CREATE_COMPLETE", 2.5)
INPUT = Input("{}", "{}", {"P": Parameter("a", "b")}, {"k": "v"}, ("CAPABILITY_IAM",), None, ("arn",))
STACK = Stack(
    scope=HERE,
    name="s",
    id="arn:s/1",
    status="UPDATE_IN_PROGRESS",
    created_at=1_000.5,
    endpoint="http://here",
    input=INPUT,
    resources={"Layer": RESOURCE},
    order=("Layer",),
    outputs=({"OutputKey": "O", "OutputValue": "v", "ExportName": "e"},),
    operation=Operation("UPDATE", None, steps=(Step("Layer", "replace", RESOURCE),), leaving=(RESOURCE,), before=INPUT),
)


def test_a_stack_is_found_by_its_name_and_by_its_id(catalog: Catalog) -> None:
    with catalog.writing() as transaction:
        transaction.stacks.put(STACK)
    with catalog.reading() as transaction:
        assert transaction.stacks.find(HERE, "s") == STACK
        assert transaction.stacks.get(HERE, "arn:s/1") == STACK
        assert transaction.stacks.find(HERE, "t") is None
        assert transaction.stacks.get(OTHER_ACCOUNT, "arn:s/1") is None
        assert transaction.stacks.find(HERE, "s").exports == {"e": "v"}  # type: ignore[union-attr]


def test_a_deleted_stack_is_found_by_its_id_alone_and_its_name_is_free(catalog: Catalog) -> None:
    gone = replace(STACK, status="DELETE_COMPLETE", deleted_at=2_000.0, operation=None)
    successor = replace(STACK, id="arn:s/2", created_at=3_000.0)
    with catalog.writing() as transaction:
        transaction.stacks.put(STACK)
        transaction.stacks.put(gone)
        assert transaction.stacks.find(HERE, "s") is None
        transaction.stacks.put(successor)
        assert transaction.stacks.find(HERE, "s") == successor
        assert transaction.stacks.of_scope(HERE) == [successor, gone]
        assert transaction.stacks.busy() == [successor]


def test_events_come_newest_first_in_pages(catalog: Catalog) -> None:
    with catalog.writing() as transaction:
        for number in range(5):
            transaction.stacks.add_event("arn:s/1", {"n": number})
        transaction.stacks.add_event("arn:s/2", {"n": "other"})
        first = transaction.stacks.events("arn:s/1", before=None, limit=3)
        assert [event["n"] for _, event in first] == [4, 3, 2]
        rest = transaction.stacks.events("arn:s/1", before=first[-1][0], limit=3)
        assert [event["n"] for _, event in rest] == [1, 0]


def test_change_sets_of_a_stack_are_kept_until_they_are_deleted(catalog: Catalog) -> None:
    one = ChangeSet("arn:c/1", "c", STACK.id, "UPDATE", "CREATE_PENDING", "UNAVAILABLE", 5.0, INPUT)
    two = replace(one, id="arn:c/2", name="d", created_at=4.0)
    done = replace(one, status="CREATE_COMPLETE", changes=({"Type": "Resource"},))
    with catalog.writing() as transaction:
        transaction.stacks.put_change_set(one)
        transaction.stacks.put_change_set(two)
        transaction.stacks.put_change_set(done)
        assert transaction.stacks.change_sets(STACK.id) == [two, done]
        assert transaction.stacks.get_change_set("arn:c/1") == done
        transaction.stacks.delete_change_set("arn:c/2")
        assert transaction.stacks.change_sets(STACK.id) == [done]
        assert transaction.stacks.get_change_set("arn:c/2") is None
