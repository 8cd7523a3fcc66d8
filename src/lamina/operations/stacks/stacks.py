"""The operations on stacks themselves: what changes them, and the end of them."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import Any

from lamina.catalog.port import Catalog
from lamina.errors import ApiError, access_denied
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.stacks import happenings
from lamina.operations.stacks.engine import Engine
from lamina.operations.stacks.exports import imported_by, importers
from lamina.operations.stacks.finding import REVIEWED, check_updatable, find_stack
from lamina.operations.stacks.intake import Intake, Taken, check_capabilities
from lamina.operations.stamps import Stamps
from lamina.stacks.evaluating import changes
from lamina.stacks.faults import invalid
from lamina.stacks.stack import Operation, Stack

_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}", re.ASCII)
_HALTED = "UPDATE_ROLLBACK_FAILED"


class StackOperations:
    """Creates, updates and deletes stacks."""

    def __init__(self, catalog: Catalog, intake: Intake, engine: Engine, stamps: Stamps) -> None:
        self._catalog = catalog
        self._intake = intake
        self._engine = engine
        self._stamps = stamps

    def create_stack(self, call: Call, request: Parameters) -> Output:
        check_outside(call)
        stack = self.new(call, request["StackName"])
        taken = self._intake.take(call, request, None)
        check_capabilities(taken, transforming=True)
        changes(taken.template, taken.input.parameters, stack, imported_by(self._catalog, stack))
        on_failure = request.get("OnFailure") or ("DO_NOTHING" if request.get("DisableRollback") else "ROLLBACK")
        protected = bool(request.get("EnableTerminationProtection"))
        stack = replace(stack, protected=protected, description=taken.template.description)
        self.start(stack, taken, "CREATE", on_failure, request.get("ClientRequestToken"))
        return {"StackId": stack.id}

    def update_stack(self, call: Call, request: Parameters) -> Output:
        check_outside(call)
        with self._catalog.reading() as transaction:
            stack = find_stack(transaction, call, request["StackName"])
        check_updatable(stack)
        taken = self._intake.take(call, request, stack)
        check_capabilities(taken, transforming=True)
        _, differs = changes(taken.template, taken.input.parameters, stack, imported_by(self._catalog, stack))
        if not differs and taken.input.tags == stack.input.tags:
            raise invalid("No updates are to be performed.")
        on_failure = "DO_NOTHING" if request.get("DisableRollback") else "ROLLBACK"
        self.start(
            replace(stack, endpoint=call.endpoint), taken, "UPDATE", on_failure, request.get("ClientRequestToken")
        )
        return {"StackId": stack.id}

    def cancel_update_stack(self, call: Call, request: Parameters) -> Output:
        check_outside(call)
        with self._catalog.reading() as transaction:
            stack = find_stack(transaction, call, request["StackName"])
        if stack.status != "UPDATE_IN_PROGRESS":
            raise invalid("CancelUpdateStack cannot be called from current stack status")
        self._engine.cancel(stack)
        return {}

    def continue_update_rollback(self, call: Call, request: Parameters) -> Output:
        check_outside(call)
        skipped = set(request.get("ResourcesToSkip") or ())
        with self._catalog.writing() as transaction:
            stack = find_stack(transaction, call, request["StackName"])
            halted = stack.halted
            if stack.status != _HALTED or halted is None:
                raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not continue update rollback.")
            steps = tuple(step for step in halted.steps if step.logical_id not in skipped)
            operation = replace(halted, steps=steps, token=request.get("ClientRequestToken"))
            stack = replace(stack, status="UPDATE_ROLLBACK_IN_PROGRESS", reason=None, operation=operation, halted=None)
            transaction.stacks.put(stack)
            transaction.stacks.add_event(stack.id, happenings.of_stack(stack, self._stamps.seconds(), operation.token))
        self._engine.begin(stack)
        return {}

    def delete_stack(self, call: Call, request: Parameters) -> Output:
        check_outside(call)
        name = request["StackName"]
        with self._catalog.reading() as transaction:
            found = (
                transaction.stacks.get(call.scope, name)
                if name.startswith("arn:")
                else transaction.stacks.find(call.scope, name)
            )
        # What is not there is deleted already.
        if found is None or found.deleted_at is not None:
            return {}
        if found.protected:
            raise invalid(f"Stack [{found.name}] cannot be deleted while TerminationProtection is enabled")
        if found.is_busy:
            raise invalid(f"Stack [{found.id}] is in {found.status} state and can not be deleted.")
        for export in found.exports:
            if users := [user for user in importers(self._catalog, call.scope, export) if user != found.name]:
                raise invalid(f"Export {export} cannot be deleted as it is in use by {', '.join(users)}")
        retained = tuple(request.get("RetainResources") or ())
        if retained and found.status != "DELETE_FAILED":
            raise invalid(
                f"Invalid operation on stack [{found.id}]. RetainResources takes a stack in DELETE_FAILED state."
            )
        operation = Operation("DELETE", request.get("ClientRequestToken"), retained=retained)
        self._begin(replace(found, status="DELETE_IN_PROGRESS", reason="User Initiated", operation=operation))
        return {}

    def update_termination_protection(self, call: Call, request: Parameters) -> Output:
        check_outside(call)
        with self._catalog.writing() as transaction:
            stack = find_stack(transaction, call, request["StackName"])
            transaction.stacks.put(replace(stack, protected=request["EnableTerminationProtection"]))
        return {"StackId": stack.id}

    def new(self, call: Call, name: str) -> Stack:
        """A stack called *name* that is recorded nowhere; raises the API's error where there is one."""
        if not _NAME.fullmatch(name):
            raise invalid(
                f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint:"
                " Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
            )
        with self._catalog.reading() as transaction:
            if transaction.stacks.find(call.scope, name) is not None:
                raise ApiError("AlreadyExistsException", 400, f"Stack [{name}] already exists", "Sender")
        stack_id = f"arn:aws:cloudformation:{call.scope.region}:{call.scope.account}:stack/{name}/{uuid.uuid4()}"
        return Stack(call.scope, name, stack_id, REVIEWED, self._stamps.seconds(), call.endpoint)

    def start(self, stack: Stack, taken: Taken, kind: str, on_failure: str, token: str | None) -> None:
        """Have *stack* become what was *taken*, in the background."""
        before = stack.input if kind == "UPDATE" else None
        # What an update that was left in the middle had replaced is removed when the next one succeeds.
        leaving = stack.halted.leaving if stack.halted is not None else ()
        operation = Operation(kind, token, on_failure=on_failure, before=before, leaving=leaving)
        changed: dict[str, Any] = (
            {"updated_at": self._stamps.seconds()} if kind == "UPDATE" else {"on_failure": on_failure}
        )
        self._begin(
            replace(
                stack,
                status=f"{kind}_IN_PROGRESS",
                reason="User Initiated",
                input=taken.input,
                operation=operation,
                halted=None,
                **changed,
            )
        )

    def _begin(self, stack: Stack) -> None:
        assert stack.operation is not None
        with self._catalog.writing() as transaction:
            now = transaction.stacks.get(stack.scope, stack.id)
            if now is not None and now.is_busy:
                raise invalid(f"Stack:{stack.id} is in {now.status} state and can not be updated.")
            if now is None and transaction.stacks.find(stack.scope, stack.name) is not None:
                raise ApiError("AlreadyExistsException", 400, f"Stack [{stack.name}] already exists", "Sender")
            transaction.stacks.put(stack)
            event = happenings.of_stack(stack, self._stamps.seconds(), stack.operation.token)
            transaction.stacks.add_event(stack.id, event)
        self._engine.begin(stack)


def check_outside(call: Call) -> None:
    """Raise the API's error for code in an environment: a stack's resources are made in this server's own name."""
    if call.inside:
        raise access_denied("Stacks are not changed from inside functions.")
