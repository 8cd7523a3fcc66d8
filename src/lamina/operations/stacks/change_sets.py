"""The operations on change sets: what a stack would become, looked at before it is done."""

from __future__ import annotations

import uuid
from dataclasses import replace

from lamina.catalog.port import Catalog
from lamina.errors import ApiError
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.markers import Markers, page
from lamina.operations.stacks import happenings, showing
from lamina.operations.stacks.exports import imported_by
from lamina.operations.stacks.finding import REVIEWED, check_updatable, find_change_set, find_stack
from lamina.operations.stacks.intake import Intake, Taken, check_capabilities
from lamina.operations.stacks.stacks import StackOperations, check_outside
from lamina.operations.stamps import Stamps
from lamina.stacks.evaluating import changes
from lamina.stacks.faults import invalid
from lamina.stacks.reading import read
from lamina.stacks.stack import ChangeSet, Stack
from lamina.stacks.templates import template

_PAGE = 100
_NOTHING = "The submitted information didn't contain changes. Submit different information to create a change set."


class ChangeSetOperations:
    """Makes, shows, executes and deletes change sets."""

    def __init__(
        self, catalog: Catalog, intake: Intake, stacks: StackOperations, markers: Markers, stamps: Stamps
    ) -> None:
        self._catalog = catalog
        self._intake = intake
        self._stacks = stacks
        self._markers = markers
        self._stamps = stamps

    def create_change_set(self, call: Call, request: Parameters) -> Output:
        check_outside(call)
        kind = request.get("ChangeSetType") or "UPDATE"
        if kind == "IMPORT":
            raise invalid("Lamina does not support ChangeSetType IMPORT: it imports no resources.")
        stack = self._addressed(call, request["StackName"], kind)
        taken = self._intake.take(call, request, stack if stack.input.template else None)
        check_capabilities(taken, transforming=False)
        name = request["ChangeSetName"]
        where = f"arn:aws:cloudformation:{call.scope.region}:{call.scope.account}:changeSet/{name}/{uuid.uuid4()}"
        made = ChangeSet(
            id=where,
            name=name,
            stack_id=stack.id,
            kind="CREATE" if stack.status == REVIEWED else "UPDATE",
            status="CREATE_COMPLETE",
            execution="AVAILABLE",
            created_at=self._stamps.seconds(),
            input=taken.input,
            description=request.get("Description"),
            on_failure=request.get("OnStackFailure"),
        )
        made = self._compared(made, taken, stack)
        with self._catalog.writing() as transaction:
            if any(each.name == name for each in transaction.stacks.change_sets(stack.id)):
                raise ApiError("AlreadyExistsException", 400, f"ChangeSet {name} already exists", "Sender")
            if transaction.stacks.get(stack.scope, stack.id) is None:
                transaction.stacks.put(stack)
                event = happenings.of_stack(stack, stack.created_at, request.get("ClientToken"))
                transaction.stacks.add_event(stack.id, event)
            transaction.stacks.put_change_set(made)
        return {"Id": made.id, "StackId": stack.id}

    def describe_change_set(self, call: Call, request: Parameters) -> Output:
        stack, found = find_change_set(self._catalog, call, request["ChangeSetName"], request.get("StackName"))
        of_list = f"DescribeChangeSet {found.id}"
        position = self._markers.read(of_list, request.get("NextToken"))
        first = 0 if position is None else int(position[0])
        shown, more = page(found.changes[first : first + _PAGE + 1], _PAGE)
        output = {**showing.change_set(stack, found), "Changes": list(shown)}
        if more:
            output["NextToken"] = self._markers.issue(of_list, [first + _PAGE])
        return output

    def list_change_sets(self, call: Call, request: Parameters) -> Output:
        with self._catalog.reading() as transaction:
            stack = find_stack(transaction, call, request["StackName"])
            found = transaction.stacks.change_sets(stack.id)
        return {"Summaries": [showing.change_set_summary(stack, each) for each in found]}

    def delete_change_set(self, call: Call, request: Parameters) -> Output:
        check_outside(call)
        _, found = find_change_set(self._catalog, call, request["ChangeSetName"], request.get("StackName"))
        with self._catalog.writing() as transaction:
            transaction.stacks.delete_change_set(found.id)
        return {}

    def execute_change_set(self, call: Call, request: Parameters) -> Output:
        check_outside(call)
        stack, found = find_change_set(self._catalog, call, request["ChangeSetName"], request.get("StackName"))
        if found.execution != "AVAILABLE":
            raise ApiError(
                "InvalidChangeSetStatus",
                400,
                f"ChangeSet [{found.id}] cannot be executed in its current status of [{found.status}]",
                "Sender",
            )
        if found.kind == "UPDATE":
            check_updatable(stack)
        on_failure = {"DELETE": "DELETE", "DO_NOTHING": "DO_NOTHING"}.get(found.on_failure or "", "ROLLBACK")
        if request.get("DisableRollback"):
            on_failure = "DO_NOTHING"
        taken = Taken(found.input, template(read(found.input.processed)))
        changed = replace(stack, change_set=found.id, endpoint=call.endpoint, description=taken.template.description)
        self._stacks.start(changed, taken, found.kind, on_failure, request.get("ClientRequestToken"))
        with self._catalog.writing() as transaction:
            # The others were made against what the stack is no more.
            for other in transaction.stacks.change_sets(stack.id):
                transaction.stacks.delete_change_set(other.id)
            transaction.stacks.put_change_set(replace(found, execution="EXECUTE_COMPLETE"))
        return {}

    def _addressed(self, call: Call, name: str, kind: str) -> Stack:
        with self._catalog.reading() as transaction:
            found = None if name.startswith("arn:") else transaction.stacks.find(call.scope, name)
            if name.startswith("arn:"):
                found = find_stack(transaction, call, name)
        if kind == "CREATE":
            if found is None:
                return self._stacks.new(call, name)
            if found.status != REVIEWED:
                raise invalid(
                    f"Stack [{found.name}] already exists and cannot be created again with the changeSet"
                    f" [{found.status}]."
                )
            return found
        if found is None:
            raise invalid(f"Stack [{name}] does not exist")
        check_updatable(found)
        return found

    def _compared(self, made: ChangeSet, taken: Taken, stack: Stack) -> ChangeSet:
        try:
            found, differs = changes(taken.template, taken.input.parameters, stack, imported_by(self._catalog, stack))
        except ApiError as error:
            return replace(made, status="FAILED", execution="UNAVAILABLE", reason=error.message)
        if not differs and _same(taken, stack):
            return replace(made, status="FAILED", execution="UNAVAILABLE", reason=_NOTHING)
        return replace(made, changes=found)


def _same(taken: Taken, stack: Stack) -> bool:
    return taken.input.tags == stack.input.tags and stack.status != REVIEWED
