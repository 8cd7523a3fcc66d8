"""The way back from an operation that failed, and the end of a stack."""

from __future__ import annotations

from dataclasses import replace

from lamina.operations.stacks.hands import KEPT, Hands
from lamina.operations.stacks.ledger import Ledger
from lamina.operations.stacks.reasons import reason_of
from lamina.stacks.stack import ROLLING_BACK, UNDOING, Resource, Stack, Step


class WayBack:
    """Takes back what the operation in *ledger* did, with *hands*: its steps, from the last to the first."""

    def __init__(self, ledger: Ledger, hands: Hands) -> None:
        self._ledger = ledger
        self._hands = hands

    def fail(self, reason: str) -> None:
        """Do what is to be done when the operation fails, for *reason*."""
        operation, stack = self._ledger.operation, self._ledger.stack
        if operation.on_failure == "DO_NOTHING":
            self._ledger.finish(self._left(), f"{operation.kind}_FAILED", reason)
            return
        if operation.kind == "CREATE":
            stack = replace(stack, operation=replace(operation, stage=UNDOING), outputs=())
            if operation.on_failure == "DELETE":
                self._ledger.move(
                    replace(stack, operation=replace(operation, kind="DELETE")), "DELETE_IN_PROGRESS", reason
                )
                self.delete()
                return
            self._ledger.move(stack, "ROLLBACK_IN_PROGRESS", f"{reason}Rollback requested by user.")
            self.undo()
            return
        # What was replaced comes back; what an earlier update left to be removed is not of this one.
        replaced = {step.before.physical_id for step in operation.steps if step.before is not None}
        leaving = tuple(each for each in operation.leaving if each.physical_id not in replaced)
        operation = replace(operation, stage=ROLLING_BACK, leaving=leaving)
        self._ledger.move(replace(stack, operation=operation), "UPDATE_ROLLBACK_IN_PROGRESS", reason)
        self.roll_back()

    def roll_back(self) -> None:
        """Have everything be what it was, then remove what came in its place."""
        while self._ledger.operation.steps:
            self._hands.check_stopping()
            step = self._ledger.operation.steps[-1]
            current = self._ledger.stack.resources[step.logical_id]
            if step.action == "update":
                if not self._restore(step, current):
                    return
            else:
                leaving = (*self._ledger.operation.leaving, *([current] if current.physical_id else []))
                stack = replace(self._ledger.stack, operation=replace(self._ledger.operation, leaving=leaving))
                stack = stack.without(step.logical_id) if step.before is None else stack.with_resource(step.before)
                self._ledger.stack = stack
            self._ledger.save(
                replace(
                    self._ledger.stack,
                    operation=replace(self._ledger.operation, steps=self._ledger.operation.steps[:-1]),
                )
            )
        before = self._ledger.operation.before
        assert before is not None
        operation = replace(self._ledger.operation, stage=UNDOING)
        stack = replace(self._ledger.stack, input=before, operation=operation)
        self._ledger.move(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self.undo()

    def undo(self) -> None:
        """Remove what the operation made."""
        if self._ledger.operation.kind == "UPDATE":
            failed = self._hands.remove_leaving()
            reason = f"The following resource(s) could not be removed: [{', '.join(failed)}]" if failed else None
            self._ledger.finish(self._ledger.stack, "UPDATE_ROLLBACK_COMPLETE", reason)
            return
        failed = []
        for step in reversed(self._ledger.operation.steps):
            self._hands.check_stopping()
            resource = self._ledger.stack.resources.get(step.logical_id)
            if resource is None:
                continue
            if self._hands.remove(resource, kept=resource.deletion_policy == "Retain"):
                self._ledger.save(self._ledger.stack.without(step.logical_id))
            else:
                failed.append(step.logical_id)
        if failed:
            told = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
            self._ledger.finish(self._ledger.stack, "ROLLBACK_FAILED", told)
        else:
            self._ledger.finish(self._ledger.stack, "ROLLBACK_COMPLETE")

    def delete(self) -> None:
        """Remove everything that nothing keeps, and the stack with it."""
        held = self._ledger.stack.resources
        order = [*(key for key in held if key not in self._ledger.stack.order), *self._ledger.stack.order]
        halted = self._ledger.stack.halted.leaving if self._ledger.stack.halted else ()
        failed = []
        for resource in (*(held[key] for key in reversed(order) if key in held), *halted):
            self._hands.check_stopping()
            kept = resource.deletion_policy in KEPT or resource.logical_id in self._ledger.operation.retained
            if self._hands.remove(resource, kept=kept):
                if resource is held.get(resource.logical_id):
                    self._ledger.save(self._ledger.stack.without(resource.logical_id))
            else:
                failed.append(resource.logical_id)
                if resource is held.get(resource.logical_id):
                    self._ledger.save(self._ledger.stack.with_resource(replace(resource, status="DELETE_FAILED")))
        if failed:
            told = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
            self._ledger.finish(self._ledger.stack, "DELETE_FAILED", told)
            return
        stack = replace(self._ledger.stack, deleted_at=self._ledger.now(), outputs=(), halted=None)
        self._ledger.finish(stack, "DELETE_COMPLETE")

    def _left(self) -> Stack:
        """The stack as it is left in the middle: what could not be replaced is what it was."""
        stack, leaving = self._ledger.stack, self._ledger.operation.leaving
        for step in self._ledger.operation.steps:
            if step.before is not None and not stack.resources[step.logical_id].physical_id:
                stack = stack.with_resource(replace(step.before, status="UPDATE_FAILED"))
                leaving = tuple(each for each in leaving if each.physical_id != step.before.physical_id)
        return replace(stack, halted=replace(self._ledger.operation, steps=(), leaving=leaving))

    def _restore(self, step: Step, current: Resource) -> bool:
        before = step.before
        assert before is not None
        self._ledger.record(current.now("UPDATE_IN_PROGRESS", self._ledger.now()))
        try:
            made = self._hands.change(current, before)
        except Exception as error:  # noqa: BLE001 - the stack's owner is told, and can go on or delete the stack
            self._ledger.record(current.now("UPDATE_FAILED", self._ledger.now(), reason_of(error)))
            halted = self._ledger.operation
            reason = f"The following resource(s) failed to update: [{current.logical_id}]. "
            self._ledger.finish(replace(self._ledger.stack, halted=halted), "UPDATE_ROLLBACK_FAILED", reason)
            return False
        restored = replace(before, physical_id=made.physical_id, attributes=made.attributes)
        self._ledger.record(restored.now("UPDATE_COMPLETE", self._ledger.now()))
        return True
