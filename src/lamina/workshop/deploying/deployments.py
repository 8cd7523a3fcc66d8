"""One stack at an endpoint: reviewed by a change set, carried out, followed event by event, deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lamina.workshop.endpoint import Endpoint, EndpointError
from lamina.workshop.errors import WorkshopError

_CAPABILITIES: Final = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_NEW: Final = frozenset({"REVIEW_IN_PROGRESS"})
# A stack whose creation failed can only be deleted.
_DEAD: Final = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED"})
_EMPTY: Final = ("didn't contain changes", "No updates are to be performed")
_WELL: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"})


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a review. `action` is Add, Modify or Remove; `replacement` True, False or Conditional."""

    action: str
    logical_id: str
    type: str
    replacement: str | None
    properties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """What would become of a stack. `is_empty`: nothing would change; there is no change set then."""

    stack: str
    change_set: str
    changes: tuple[Change, ...]
    is_new: bool
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the stack, or to a resource of it; `at` in seconds since 1970."""

    id: str
    at: float
    logical_id: str
    type: str
    status: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class End:
    """How it ended. `outputs` by name."""

    status: str
    reason: str | None
    outputs: Mapping[str, str]

    @property
    def is_well(self) -> bool:
        """Whether what was wanted is there."""
        return self.status in _WELL


@dataclass(frozen=True, slots=True)
class Deployments:
    """Stacks at *endpoint*. `pause` waits between two looks; it is given seconds."""

    endpoint: Endpoint
    pause: Callable[[float], None] = time.sleep

    def review(
        self,
        stack: str,
        template: Mapping[str, str],
        declared: Collection[str],
        given: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> Review:
        """What *template* (`TemplateBody` or `TemplateURL`) would make of *stack*.

        Of the parameters that are *declared*, those not *given* stay as they are.
        """
        unknown = sorted(given.keys() - set(declared))
        if unknown:
            raise WorkshopError(f"the template has no parameter {', '.join(unknown)}", code=WorkshopError.USAGE)
        client = self._client()
        held = self._status(client, stack)
        if held in _DEAD:
            raise WorkshopError(
                f"the stack {stack} is in {held}: it never came about", f"Delete it first: lamina delete {stack}"
            )
        is_new = held is None or held in _NEW
        with self.endpoint.asking():
            kept = self._parameters(client, stack) if not is_new else frozenset()
            parameters = [
                {"ParameterKey": name, "ParameterValue": given[name]}
                if name in given
                else {"ParameterKey": name, "UsePreviousValue": True}
                for name in declared
                if name in given or name in kept
            ]
            made = client.create_change_set(
                StackName=stack,
                ChangeSetName=f"lamina-{time.time_ns()}",
                ChangeSetType="CREATE" if is_new else "UPDATE",
                Parameters=parameters,
                Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
                Capabilities=_CAPABILITIES,
                **template,
            )
            return self._reviewed(client, stack, made["Id"], is_new)

    def carry_out(self, review: Review, *, keep_failed: bool = False) -> Iterator[Event]:
        """Do what was reviewed, and tell what happens until it is over. With *keep_failed* a failure is not undone."""
        client = self._client()
        with self.endpoint.asking():
            stack_id = client.describe_change_set(ChangeSetName=review.change_set)["StackId"]
            seen = {event.id for event in self._events(client, stack_id)}
            client.execute_change_set(ChangeSetName=review.change_set, DisableRollback=keep_failed)
            yield from self._follow(client, stack_id, seen)

    def discard(self, review: Review) -> None:
        """Forget what was reviewed, and a stack that is nothing but that."""
        client = self._client()
        with self.endpoint.asking():
            client.delete_change_set(ChangeSetName=review.change_set)
            if review.is_new:
                client.delete_stack(StackName=review.stack)

    def find(self, stack: str) -> tuple[str, tuple[str, ...]] | None:
        """The id of *stack* and its resources as text, None where there is none."""
        client = self._client()
        if self._status(client, stack) is None:
            return None
        with self.endpoint.asking():
            (held,) = client.describe_stacks(StackName=stack)["Stacks"]
            pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
            found = tuple(
                f"{each['LogicalResourceId']}  {each['ResourceType']}"
                for page in pages
                for each in page["StackResourceSummaries"]
            )
        return str(held["StackId"]), found

    def delete(self, stack_id: str) -> Iterator[Event]:
        """Delete the stack, and tell what happens until it is over."""
        client = self._client()
        with self.endpoint.asking():
            seen = {event.id for event in self._events(client, stack_id)}
            client.delete_stack(StackName=stack_id)
            yield from self._follow(client, stack_id, seen)

    def end(self, stack: str) -> End:
        """How the stack called *stack*, or with that id, is now."""
        client = self._client()
        with self.endpoint.asking():
            (held,) = client.describe_stacks(StackName=stack)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in held.get("Outputs", ())}
        return End(held["StackStatus"], held.get("StackStatusReason"), outputs)

    def _client(self) -> Any:
        return self.endpoint.client("cloudformation")

    def _status(self, client: Any, stack: str) -> str | None:
        try:
            with self.endpoint.asking():
                (held,) = client.describe_stacks(StackName=stack)["Stacks"]
        except EndpointError as error:
            if error.api_code == "ValidationError" and "does not exist" in str(error):
                return None
            raise
        return str(held["StackStatus"])

    def _parameters(self, client: Any, stack: str) -> frozenset[str]:
        (held,) = client.describe_stacks(StackName=stack)["Stacks"]
        return frozenset(each["ParameterKey"] for each in held.get("Parameters", ()))

    def _reviewed(self, client: Any, stack: str, change_set: str, is_new: bool) -> Review:
        while (found := client.describe_change_set(ChangeSetName=change_set))["Status"].startswith("CREATE_") and found[
            "Status"
        ] != "CREATE_COMPLETE":
            self.pause(0.5)
        changes = list(found.get("Changes", ()))
        while (token := found.get("NextToken")) is not None:
            found = client.describe_change_set(ChangeSetName=change_set, NextToken=token)
            changes += found["Changes"]
        review = Review(stack, change_set, tuple(_change(each["ResourceChange"]) for each in changes), is_new)
        if found["Status"] == "FAILED":
            reason = found.get("StatusReason", "")
            self.discard(review)
            if any(sign in reason for sign in _EMPTY):
                return Review(stack, change_set, (), is_new, is_empty=True)
            raise WorkshopError(reason or "the change set failed, without a reason")
        return review

    def _events(self, client: Any, stack_id: str) -> list[Event]:
        pages = client.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        found = [
            Event(
                each["EventId"],
                each["Timestamp"].timestamp(),
                each["LogicalResourceId"],
                each["ResourceType"],
                each["ResourceStatus"],
                each.get("ResourceStatusReason"),
            )
            for page in pages
            for each in page["StackEvents"]
        ]
        return found[::-1]

    def _follow(self, client: Any, stack_id: str, seen: set[str]) -> Iterator[Event]:
        is_over = False
        while not is_over:
            # Asked before the events, so that the last of them are told, too.
            (held,) = client.describe_stacks(StackName=stack_id)["Stacks"]
            is_over = not held["StackStatus"].endswith("_IN_PROGRESS")
            for event in self._events(client, stack_id):
                if event.id not in seen:
                    seen.add(event.id)
                    yield event
            if not is_over:
                self.pause(0.3)


def _change(told: Mapping[str, Any]) -> Change:
    names = (detail["Target"].get("Name") for detail in told.get("Details", ()))
    return Change(
        told["Action"],
        told["LogicalResourceId"],
        told["ResourceType"],
        told.get("Replacement"),
        tuple(dict.fromkeys(name for name in names if name)),
    )
