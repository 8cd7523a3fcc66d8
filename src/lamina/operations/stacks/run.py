"""One operation on one stack, carried out from where it stands.

Every step is recorded before it is begun, with what was there before it, and again when it is done. So the same code
begins an operation, and goes on with one that a server left behind: what is done is found as it is wanted. Only what
was being done to one resource at that moment cannot be known; it counts as failed, and what a failure brings follows.
"""

from __future__ import annotations

import logging
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from lamina.catalog.port import Catalog
from lamina.errors import ApiError
from lamina.operations.stacks import happenings
from lamina.operations.stacks.answers import Answers
from lamina.operations.stacks.clients import Clients
from lamina.operations.stacks.exports import check_exports, imported_by
from lamina.operations.stacks.kinds.kind import HalfMade, Kind, Made, Site
from lamina.operations.stacks.lookups import looked_up
from lamina.operations.stacks.reasons import reason_of
from lamina.stacks.deciding import Decision, check_replaceable, decide
from lamina.stacks.evaluating import Evaluation
from lamina.stacks.ordering import attributes
from lamina.stacks.reading import read
from lamina.stacks.stack import CLEANING, ROLLING_BACK, UNDOING, WORKING, Operation, Resource, Stack, Step
from lamina.stacks.templates import Template, template
from lamina.stacks.types import TAGGED, expected_id, named

_log = logging.getLogger(__name__)

_UNIQUE = string.ascii_uppercase + string.digits
_STOPPED = "The server was stopped while this was under way"
_KEPT = frozenset({"Retain", "RetainExceptOnCreate"})


class Interrupted(Exception):
    """The server is being stopped: what is left to do is done after its next start."""


class _StackFailed(Exception):
    """The operation cannot succeed; the text says why."""


class _Clock(Protocol):
    def seconds(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Means:
    """What all runs share.

    `stopping` tells whether the server is being stopped; `cancelled`, of a stack, whether its update is given up.
    """

    catalog: Catalog
    clients: Clients
    answers: Answers
    kind_of: Callable[[str], Kind]
    clock: _Clock
    stopping: Callable[[], bool]
    cancelled: Callable[[str], bool]


class Run:
    """Carries *stack*'s operation out."""

    def __init__(self, means: Means, stack: Stack) -> None:
        self._means = means
        self._stack = stack
        self._template: Template | None = None

    def carry_out(self) -> None:
        """Until the operation is over; raises Interrupted when the server is being stopped before that."""
        operation = self._operation
        hanging = [each for each in self._stack.resources.values() if each.status.endswith("_IN_PROGRESS")]
        for each in hanging:
            self._settle(each)
        if operation.kind == "DELETE":
            self._delete()
        elif operation.stage == WORKING:
            try:
                if failed := self._failed():
                    raise _StackFailed(f"The following resource(s) failed: [{', '.join(failed)}]. ")
                self._work()
            except _StackFailed as error:
                self._fail(str(error))
        elif operation.stage == ROLLING_BACK:
            self._roll_back()
        elif operation.stage == UNDOING:
            self._undo()
        else:
            self._clean()

    def _failed(self) -> list[str]:
        """The resources that this operation failed at, as was recorded before the server was killed."""
        begun = dict.fromkeys(step.logical_id for step in self._operation.steps)
        return [name for name in begun if self._stack.resources[name].status.endswith("_FAILED")]

    # What is wanted, resource by resource.

    def _work(self) -> None:
        self._template = template(read(self._stack.input.processed))
        made = dict(self._stack.resources)
        try:
            evaluation = Evaluation(
                self._template,
                self._stack.input.parameters,
                self._stack,
                imported_by(self._means.catalog, self._stack),
                made,
            )
            order = evaluation.order
            for logical_id in order:
                self._check_going_on()
                self._step(evaluation, logical_id)
                made[logical_id] = self._stack.resources[logical_id]
            outputs = evaluation.outputs()
            removed = [each for key, each in self._stack.resources.items() if key not in order]
            check_exports(self._means.catalog, replace(self._stack, outputs=outputs))
        except ApiError as error:
            raise _StackFailed(error.message) from error
        by_age = {logical_id: at for at, logical_id in enumerate(self._stack.order)}
        removed.sort(key=lambda each: -by_age.get(each.logical_id, 0))
        leaving = (*removed, *reversed(self._operation.leaving))
        gone = {each.logical_id for each in removed}
        kept = {key: each for key, each in self._stack.resources.items() if key not in gone}
        stack = replace(self._stack, resources=kept, order=tuple(order), outputs=outputs)
        stack = replace(stack, description=self._template.description)
        if self._operation.kind == "CREATE":
            self._finish(stack, "CREATE_COMPLETE")
            return
        operation = replace(self._operation, stage=CLEANING, leaving=leaving)
        self._move(replace(stack, operation=operation), "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._clean()

    def _step(self, evaluation: Evaluation, logical_id: str) -> None:
        before = self._stack.resources.get(logical_id)
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
                self._save(self._stack.with_resource(after))
            return
        now = self._means.clock.seconds()
        if decision.action == "update":
            assert before is not None
            resource = replace(
                before, properties=self._named(declared.type, logical_id, wanted.properties, before), **told
            )
            self._begin(Step(logical_id, "update", before), resource.now("UPDATE_IN_PROGRESS", now))
            # Of one that failed half way nobody knows what it has; all of it is set again then.
            known = before if decision.changed else replace(before, properties={})
            self._do(resource, "UPDATE", lambda kind, site: kind.change(site, known, self._looked_up(resource)))
            return
        if before is not None and decision.action == "replace":
            check_replaceable(before, wanted)
        properties = self._named(declared.type, logical_id, wanted.properties, None)
        resource = Resource(logical_id, declared.type, "", properties, {}, "", now, **told)
        verb, reason = "CREATE", None
        if decision.action == "replace":
            verb = "UPDATE"
            reason = "Requested update requires the creation of a new physical resource; hence creating one."
        self._begin(Step(logical_id, decision.action, before), resource.now(f"{verb}_IN_PROGRESS", now, reason))
        self._do(resource, verb, lambda kind, site: kind.make(site, self._looked_up(resource)))

    def _begin(self, step: Step, resource: Resource) -> None:
        operation = self._operation
        leaving = operation.leaving
        if step.action == "replace":
            assert step.before is not None
            leaving = (*leaving, replace(step.before, deletion_policy=step.before.replace_policy))
        operation = replace(operation, steps=(*operation.steps, step), leaving=leaving)
        self._save(replace(self._stack, operation=operation).with_resource(resource), resource)

    def _do(self, resource: Resource, verb: str, act: Callable[[Kind, Site], Made]) -> None:
        site = self._site(resource)
        try:
            made = act(self._means.kind_of(resource.type), site)
        except Exception as error:
            reason = reason_of(error)
            if isinstance(error, HalfMade):
                resource = replace(resource, physical_id=error.physical_id)
            self._record(resource.now(f"{verb}_FAILED", self._means.clock.seconds(), reason))
            raise _StackFailed(
                f"The following resource(s) failed to {verb.lower()}: [{resource.logical_id}]. "
            ) from error
        resource = replace(resource, physical_id=made.physical_id, attributes=made.attributes)
        self._record(resource.now(f"{verb}_COMPLETE", self._means.clock.seconds()))

    # What is needed no more.

    def _clean(self) -> None:
        failed = self._remove_leaving()
        reason = f"The following resource(s) could not be removed: [{', '.join(failed)}]" if failed else None
        self._finish(self._stack, "UPDATE_COMPLETE", reason)

    def _remove_leaving(self) -> list[str]:
        failed = []
        while self._operation.leaving:
            self._check_stopping()
            leaving = self._operation.leaving[0]
            if not self._remove(leaving, kept=leaving.deletion_policy in _KEPT):
                failed.append(leaving.logical_id)
            self._save(replace(self._stack, operation=replace(self._operation, leaving=self._operation.leaving[1:])))
        return failed

    def _remove(self, resource: Resource, *, kept: bool) -> bool:
        """Whether *resource* is gone, or was to be *kept*."""
        now = self._means.clock.seconds
        if not resource.physical_id:
            return True
        if kept:
            self._tell(resource.now("DELETE_SKIPPED", now()))
            return True
        self._tell(resource.now("DELETE_IN_PROGRESS", now()))
        try:
            self._means.kind_of(resource.type).remove(self._site(resource), resource)
        except Exception as error:  # noqa: BLE001 - the stack's owner is told
            self._tell(resource.now("DELETE_FAILED", now(), reason_of(error)))
            return False
        self._tell(resource.now("DELETE_COMPLETE", now()))
        return True

    # The way back.

    def _fail(self, reason: str) -> None:
        operation, stack = self._operation, self._stack
        if operation.on_failure == "DO_NOTHING":
            self._finish(self._left(), f"{operation.kind}_FAILED", reason)
            return
        if operation.kind == "CREATE":
            stack = replace(stack, operation=replace(operation, stage=UNDOING), outputs=())
            if operation.on_failure == "DELETE":
                self._move(replace(stack, operation=replace(operation, kind="DELETE")), "DELETE_IN_PROGRESS", reason)
                self._delete()
                return
            self._move(stack, "ROLLBACK_IN_PROGRESS", f"{reason}Rollback requested by user.")
            self._undo()
            return
        # What was replaced comes back; what an earlier update left to be removed is not of this one.
        replaced = {step.before.physical_id for step in operation.steps if step.before is not None}
        leaving = tuple(each for each in operation.leaving if each.physical_id not in replaced)
        operation = replace(operation, stage=ROLLING_BACK, leaving=leaving)
        self._move(replace(stack, operation=operation), "UPDATE_ROLLBACK_IN_PROGRESS", reason)
        self._roll_back()

    def _left(self) -> Stack:
        """The stack as it is left in the middle: what could not be replaced is what it was."""
        stack, leaving = self._stack, self._operation.leaving
        for step in self._operation.steps:
            if step.before is not None and not stack.resources[step.logical_id].physical_id:
                stack = stack.with_resource(replace(step.before, status="UPDATE_FAILED"))
                leaving = tuple(each for each in leaving if each.physical_id != step.before.physical_id)
        return replace(stack, halted=replace(self._operation, steps=(), leaving=leaving))

    def _roll_back(self) -> None:
        while self._operation.steps:
            self._check_stopping()
            step = self._operation.steps[-1]
            current = self._stack.resources[step.logical_id]
            if step.action == "update":
                if not self._restore(step, current):
                    return
            else:
                leaving = (*self._operation.leaving, *([current] if current.physical_id else []))
                stack = replace(self._stack, operation=replace(self._operation, leaving=leaving))
                stack = stack.without(step.logical_id) if step.before is None else stack.with_resource(step.before)
                self._stack = stack
            self._save(replace(self._stack, operation=replace(self._operation, steps=self._operation.steps[:-1])))
        before = self._operation.before
        assert before is not None
        operation = replace(self._operation, stage=UNDOING)
        stack = replace(self._stack, input=before, operation=operation)
        self._move(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self._undo()

    def _restore(self, step: Step, current: Resource) -> bool:
        before = step.before
        assert before is not None
        self._record(current.now("UPDATE_IN_PROGRESS", self._means.clock.seconds()))
        try:
            made = self._means.kind_of(before.type).change(self._site(before), current, self._looked_up(before))
        except Exception as error:  # noqa: BLE001 - the stack's owner is told, and can go on or delete the stack
            self._record(current.now("UPDATE_FAILED", self._means.clock.seconds(), reason_of(error)))
            halted = self._operation
            reason = f"The following resource(s) failed to update: [{current.logical_id}]. "
            self._finish(replace(self._stack, halted=halted), "UPDATE_ROLLBACK_FAILED", reason)
            return False
        restored = replace(before, physical_id=made.physical_id, attributes=made.attributes)
        self._record(restored.now("UPDATE_COMPLETE", self._means.clock.seconds()))
        return True

    def _undo(self) -> None:
        if self._operation.kind == "UPDATE":
            failed = self._remove_leaving()
            reason = f"The following resource(s) could not be removed: [{', '.join(failed)}]" if failed else None
            self._finish(self._stack, "UPDATE_ROLLBACK_COMPLETE", reason)
            return
        failed = []
        for step in reversed(self._operation.steps):
            self._check_stopping()
            resource = self._stack.resources.get(step.logical_id)
            if resource is None:
                continue
            if self._remove(resource, kept=resource.deletion_policy == "Retain"):
                self._save(self._stack.without(step.logical_id))
            else:
                failed.append(step.logical_id)
        if failed:
            told = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
            self._finish(self._stack, "ROLLBACK_FAILED", told)
        else:
            self._finish(self._stack, "ROLLBACK_COMPLETE")

    def _delete(self) -> None:
        held = self._stack.resources
        order = [*(key for key in held if key not in self._stack.order), *self._stack.order]
        halted = self._stack.halted.leaving if self._stack.halted else ()
        failed = []
        for resource in (*(held[key] for key in reversed(order) if key in held), *halted):
            self._check_stopping()
            kept = resource.deletion_policy in _KEPT or resource.logical_id in self._operation.retained
            if self._remove(resource, kept=kept):
                if resource is held.get(resource.logical_id):
                    self._save(self._stack.without(resource.logical_id))
            else:
                failed.append(resource.logical_id)
        if failed:
            told = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
            self._finish(self._stack, "DELETE_FAILED", told)
            return
        stack = replace(self._stack, deleted_at=self._means.clock.seconds(), outputs=(), halted=None)
        self._finish(stack, "DELETE_COMPLETE")

    # What is recorded.

    @property
    def _is_retagged(self) -> bool:
        before = self._operation.before
        return before is not None and before.tags != self._stack.input.tags

    @property
    def _operation(self) -> Operation:
        operation = self._stack.operation
        assert operation is not None
        return operation

    def _record(self, resource: Resource) -> None:
        self._save(self._stack.with_resource(resource), resource)

    def _save(self, stack: Stack, happened: Resource | None = None) -> None:
        with self._means.catalog.writing() as transaction:
            transaction.stacks.put(stack)
            if happened is not None:
                transaction.stacks.add_event(stack.id, happenings.of_resource(stack, happened, self._operation.token))
        self._stack = stack

    def _tell(self, resource: Resource) -> None:
        event = happenings.of_resource(self._stack, resource, self._operation.token)
        with self._means.catalog.writing() as transaction:
            transaction.stacks.add_event(self._stack.id, event)

    def _move(self, stack: Stack, status: str, reason: str | None = None) -> None:
        token = self._operation.token
        stack = replace(stack, status=status, reason=reason)
        event = happenings.of_stack(stack, self._means.clock.seconds(), token)
        with self._means.catalog.writing() as transaction:
            transaction.stacks.put(stack)
            transaction.stacks.add_event(stack.id, event)
        self._stack = stack

    def _finish(self, stack: Stack, status: str, reason: str | None = None) -> None:
        token = self._operation.token
        stack = replace(stack, status=status, reason=reason, operation=None)
        event = happenings.of_stack(stack, self._means.clock.seconds(), token)
        with self._means.catalog.writing() as transaction:
            transaction.stacks.put(stack)
            transaction.stacks.add_event(stack.id, event)
        self._stack = stack

    def _settle(self, resource: Resource) -> None:
        """Have *resource*, which a server left in the middle, be one that failed.

        One that was being made under a name made up for it is taken for made: removing it is harmless if it is not.
        """
        failed = resource.now(resource.status.replace("IN_PROGRESS", "FAILED"), self._means.clock.seconds(), _STOPPED)
        if not failed.physical_id:
            expected = expected_id(failed.type, failed.properties)
            if expected is not None and expected.lower().startswith(f"{self._stack.name}-{failed.logical_id}-".lower()):
                failed = replace(failed, physical_id=expected)
        self._record(failed)

    # What kinds are given.

    def _named(
        self, kind: str, logical_id: str, properties: Mapping[str, Any], before: Resource | None
    ) -> Mapping[str, Any]:
        given = named(kind, self._stack.name, logical_id, properties, _unique())
        if before is None or given is properties:
            return given
        # It has a name already, and keeps it.
        return {**given, **{key: before.properties[key] for key in given.keys() - properties.keys()}}

    def _looked_up(self, resource: Resource) -> Mapping[str, Any]:
        stack, clients = self._stack, self._means.clients
        found: Mapping[str, Any] = looked_up(
            resource.properties, lambda service: clients.client(service, stack.scope, stack.endpoint)
        )
        return found

    def _site(self, resource: Resource) -> Site:
        scope, endpoint, clients = self._stack.scope, self._stack.endpoint, self._means.clients
        return Site(
            scope=scope,
            stack_name=self._stack.name,
            stack_id=self._stack.id,
            logical_id=resource.logical_id,
            type=resource.type,
            tags=self._stack.input.tags,
            unique=_unique(),
            asked=() if self._template is None else attributes(self._template, resource.logical_id),
            own=lambda service: clients.client(service, scope, endpoint),
            companion=lambda service: clients.companion(service, scope),
            answers=self._means.answers,
            endpoint=endpoint,
        )

    def _check_going_on(self) -> None:
        self._check_stopping()
        if self._means.cancelled(self._stack.id):
            raise _StackFailed("User Initiated")

    def _check_stopping(self) -> None:
        if self._means.stopping():
            raise Interrupted


def _unique() -> str:
    return "".join(secrets.choice(_UNIQUE) for _ in range(12))
