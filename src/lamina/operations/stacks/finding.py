"""Stacks and change sets by what callers call them, and in the states in which something may be done with them."""

from __future__ import annotations

from lamina.catalog.port import Catalog, Transaction
from lamina.errors import ApiError
from lamina.operations.call import Call
from lamina.stacks.faults import invalid
from lamina.stacks.stack import ChangeSet, Stack

_UPDATABLE = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "UPDATE_FAILED"}
    | {"CREATE_FAILED"}
)
REVIEWED = "REVIEW_IN_PROGRESS"


def find_stack(transaction: Transaction, call: Call, name: str) -> Stack:
    """The stack called *name*, or with that id, which may be one that was deleted; raises the API's error."""
    stack = (
        transaction.stacks.get(call.scope, name)
        if name.startswith("arn:")
        else transaction.stacks.find(call.scope, name)
    )
    if stack is None:
        raise invalid(f"Stack with id {name} does not exist")
    return stack


def find_change_set(catalog: Catalog, call: Call, name: str, stack_name: str | None) -> tuple[Stack, ChangeSet]:
    """The change set called *name* of the stack *stack_name*, or with that id, and the stack; the API's error."""
    with catalog.reading() as transaction:
        if name.startswith("arn:"):
            found = transaction.stacks.get_change_set(name)
        else:
            if stack_name is None:
                raise invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
            sets = transaction.stacks.change_sets(find_stack(transaction, call, stack_name).id)
            found = next((each for each in sets if each.name == name), None)
        stack = None if found is None else transaction.stacks.get(call.scope, found.stack_id)
    if found is None or stack is None:
        raise ApiError("ChangeSetNotFound", 404, f"ChangeSet [{name}] does not exist", "Sender")
    return stack, found


def check_updatable(stack: Stack) -> None:
    """Raise the API's error unless *stack* may be updated as it stands."""
    if stack.status not in _UPDATABLE:
        raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
