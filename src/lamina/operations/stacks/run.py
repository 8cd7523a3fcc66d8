"""One operation on one stack, carried out from where it stands.

Every step is recorded before it is begun, with what was there before it, and again when it is done. So the same code
begins an operation, and goes on with one that a server left behind: what is done is found as it is wanted. Only what
was being done to one resource at that moment cannot be known; it counts as failed, and what a failure brings follows.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from lamina.errors import ApiError
from lamina.operations.stacks.exports import check_exports, imported_by
from lamina.operations.stacks.hands import Hands, Interrupted, Means, StackFailed
from lamina.operations.stacks.ledger import Ledger
from lamina.operations.stacks.way_back import WayBack
from lamina.stacks.deciding import Decision, check_replaceable, decide
from lamina.stacks.evaluating import Evaluation
from lamina.stacks.reading import read
from lamina.stacks.stack import CLEANING, ROLLING_BACK, UNDOING, Resource, Stack, Step
from lamina.stacks.templates import template
from lamina.stacks.types import TAGGED, expected_id

_log = logging.getLogger(__name__)
_STOPPED = "The server was stopped while this was under way"


class Run:
    """Carries *stack*'s operation out."""

    def __init__(self, means: Means, stack: Stack) -> None:
        self._means = means
        self._ledger = Ledger(means.catalog, means.clock, stack)
        self._hands = Hands(means, self._ledger)
        self._back = WayBack(self._ledger, self._hands)

    def carry_out(self) -> None:
        """Until the operation is over; raises Interrupted when the server is being stopped before that."""
        operation = self._ledger.operation
        hanging = [each for each in self._ledger.stack.resources.values() if each.status.endswith("_IN_PROGRESS")]
        for each in hanging:
            self._settle(each)
        if operation.kind == "DELETE":
            self._back.delete()
        elif operation.stage == ROLLING_BACK:
            self._back.roll_back()
        elif operation.stage == UNDOING:
            self._back.undo()
        elif operation.stage == CLEANING or self._works():
            self._clean()

    def _works(self) -> bool:
        """Whether everything that is wanted is there, and what is no longer needed is to be removed."""
        try:
            if failed := self._failed():
                raise StackFailed(f"The following resource(s) failed: [{', '.join(failed)}]. ")
            self._work()
        except Interrupted:
            raise
        except StackFailed as error:
            self._back.fail(str(error))
            return False
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not leave the stack busy for ever
            _log.exception("the operation on stack %s failed", self._ledger.stack.name)
            self._back.fail(f"Internal failure: {error!r}. ")
            return False
        return self._ledger.stack.is_busy

    def _failed(self) -> list[str]:
        """The resources that this operation failed at, as was recorded before the server was killed."""
        begun = dict.fromkeys(step.logical_id for step in self._ledger.operation.steps)
        return [name for name in begun if self._ledger.stack.resources[name].status.endswith("_FAILED")]

    def _work(self) -> None:
        self._hands.template = template(read(self._ledger.stack.input.processed))
        made = dict(self._ledger.stack.resources)
        try:
            evaluation = Evaluation(
                self._hands.template,
                self._ledger.stack.input.parameters,
                self._ledger.stack,
                imported_by(self._means.catalog, self._ledger.stack),
                made,
            )
            order = evaluation.order
            for logical_id in order:
                self._check_going_on()
                self._step(evaluation, logical_id)
                made[logical_id] = self._ledger.stack.resources[logical_id]
            outputs = evaluation.outputs()
            removed = [each for key, each in self._ledger.stack.resources.items() if key not in order]
            check_exports(self._means.catalog, replace(self._ledger.stack, outputs=outputs))
        except ApiError as error:
            raise StackFailed(error.message) from error
        by_age = {logical_id: at for at, logical_id in enumerate(self._ledger.stack.order)}
        removed.sort(key=lambda each: -by_age.get(each.logical_id, 0))
        leaving = (*removed, *reversed(self._ledger.operation.leaving))
        gone = {each.logical_id for each in removed}
        kept = {key: each for key, each in self._ledger.stack.resources.items() if key not in gone}
        stack = replace(self._ledger.stack, resources=kept, order=tuple(order), outputs=outputs)
        stack = replace(stack, description=self._hands.template.description)
        if self._ledger.operation.kind == "CREATE":
            self._ledger.finish(stack, "CREATE_COMPLETE")
            return
        operation = replace(self._ledger.operation, stage=CLEANING, leaving=leaving)
        self._ledger.move(replace(stack, operation=operation), "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")

    def _step(self, evaluation: Evaluation, logical_id: str) -> None:
        before = self._ledger.stack.resources.get(logical_id)
        wanted = evaluation.wanted(logical_id)
        declared = wanted.declared
        decision = decide(before, wanted)
        told: dict[str, Any] = {
            "deletion_policy": declared.deletion_policy,
            "replace_policy": declared.replace_policy,
            "metadata": declared.metadata,
        }
        if decision.action == "nothing" and declared.type in TAGGED and self._is_retagged:
            decision = Decision("update", ("Tags",))
        if decision.action == "nothing":
            assert before is not None
            if (after := replace(before, **told)) != before:
                self._ledger.save(self._ledger.stack.with_resource(after))
            return
        now = self._ledger.now()
        if decision.action == "update":
            assert before is not None
            resource = replace(
                before, properties=self._hands.named(declared.type, logical_id, wanted.properties, before), **told
            )
            self._begin(Step(logical_id, "update", before), resource.now("UPDATE_IN_PROGRESS", now))
            # Of one that failed half way nobody knows what it has; all of it is set again then.
            known = before if decision.changed else replace(before, properties={})
            self._hands.do(
                resource, "UPDATE", lambda kind, site: kind.change(site, known, self._hands.looked_up(resource))
            )
            return
        if before is not None and decision.action == "replace":
            check_replaceable(before, wanted)
        properties = self._hands.named(declared.type, logical_id, wanted.properties, None)
        resource = Resource(logical_id, declared.type, "", properties, {}, "", now, **told)
        verb, reason = "CREATE", None
        if decision.action == "replace":
            verb = "UPDATE"
            reason = "Requested update requires the creation of a new physical resource; hence creating one."
        self._begin(Step(logical_id, decision.action, before), resource.now(f"{verb}_IN_PROGRESS", now, reason))
        self._hands.do(resource, verb, lambda kind, site: kind.make(site, self._hands.looked_up(resource)))

    def _begin(self, step: Step, resource: Resource) -> None:
        operation = self._ledger.operation
        leaving = operation.leaving
        if step.action == "replace":
            assert step.before is not None
            leaving = (*leaving, replace(step.before, deletion_policy=step.before.replace_policy))
        operation = replace(operation, steps=(*operation.steps, step), leaving=leaving)
        self._ledger.save(replace(self._ledger.stack, operation=operation).with_resource(resource), resource)

    def _clean(self) -> None:
        failed = self._hands.remove_leaving()
        reason = f"The following resource(s) could not be removed: [{', '.join(failed)}]" if failed else None
        self._ledger.finish(self._ledger.stack, "UPDATE_COMPLETE", reason)

    def _settle(self, resource: Resource) -> None:
        """Have *resource*, which a server left in the middle, be one that failed.

        One that was being made under a name made up for it is taken for made: removing it is harmless if it is not.
        """
        failed = resource.now(resource.status.replace("IN_PROGRESS", "FAILED"), self._ledger.now(), _STOPPED)
        if not failed.physical_id:
            expected = expected_id(failed.type, failed.properties)
            if expected is not None and expected.lower().startswith(
                f"{self._ledger.stack.name}-{failed.logical_id}-".lower()
            ):
                failed = replace(failed, physical_id=expected)
        self._ledger.record(failed)

    def _check_going_on(self) -> None:
        self._hands.check_stopping()
        if self._means.cancelled(self._ledger.stack.id):
            raise StackFailed("User Initiated")

    @property
    def _is_retagged(self) -> bool:
        before = self._ledger.operation.before
        return before is not None and before.tags != self._ledger.stack.input.tags
