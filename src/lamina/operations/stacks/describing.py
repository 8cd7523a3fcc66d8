"""The operations that only tell: of stacks, their resources, events, templates and exports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.catalog.port import Catalog
from lamina.errors import ApiError
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.markers import Markers, page
from lamina.operations.stacks import showing
from lamina.operations.stacks.exports import importers
from lamina.operations.stacks.finding import find_change_set, find_stack
from lamina.operations.stacks.intake import Intake, check
from lamina.stacks.faults import invalid
from lamina.stacks.parameters import check_types
from lamina.stacks.reading import read, write
from lamina.stacks.stack import Stack
from lamina.stacks.templates import template, transforms

_PAGE = 100


class DescribingOperations:
    """Describes and lists."""

    def __init__(self, catalog: Catalog, intake: Intake, markers: Markers) -> None:
        self._catalog = catalog
        self._intake = intake
        self._markers = markers

    def describe_stacks(self, call: Call, request: Parameters) -> Output:
        with self._catalog.reading() as transaction:
            if (name := request.get("StackName")) is not None:
                return {"Stacks": [showing.stack(find_stack(transaction, call, name))]}
            found = [each for each in transaction.stacks.of_scope(call.scope) if each.deleted_at is None]
        return self._page("DescribeStacks", request, "Stacks", [showing.stack(each) for each in found])

    def list_stacks(self, call: Call, request: Parameters) -> Output:
        wanted = set(request.get("StackStatusFilter") or ())
        with self._catalog.reading() as transaction:
            found = [each for each in transaction.stacks.of_scope(call.scope) if not wanted or each.status in wanted]
        shown = [showing.summary(each, each.description or "") for each in found]
        return self._page(f"ListStacks {sorted(wanted)}", request, "StackSummaries", shown)

    def describe_stack_events(self, call: Call, request: Parameters) -> Output:
        with self._catalog.reading() as transaction:
            stack = find_stack(transaction, call, request["StackName"])
            of_list = f"DescribeStackEvents {stack.id}"
            position = self._markers.read(of_list, request.get("NextToken"))
            before = None if position is None else int(position[0])
            found = transaction.stacks.events(stack.id, before=before, limit=_PAGE + 1)
        shown, more = page(found, _PAGE)
        output: dict[str, Any] = {"StackEvents": [event for _, event in shown]}
        if more:
            output["NextToken"] = self._markers.issue(of_list, [shown[-1][0]])
        return output

    def describe_stack_resources(self, call: Call, request: Parameters) -> Output:
        wanted, name = request.get("LogicalResourceId"), request.get("StackName")
        stack = (
            self._of_physical_id(call, request.get("PhysicalResourceId")) if name is None else self._stack(call, name)
        )
        found = [each for each in stack.resources.values() if wanted in (None, each.logical_id)]
        if wanted is not None and not found:
            raise _no_resource(wanted, stack)
        return {"StackResources": [showing.resource(stack, each) for each in found]}

    def describe_stack_resource(self, call: Call, request: Parameters) -> Output:
        stack = self._stack(call, request["StackName"])
        found = stack.resources.get(request["LogicalResourceId"])
        if found is None:
            raise _no_resource(request["LogicalResourceId"], stack)
        return {"StackResourceDetail": {**showing.resource_detail(stack, found), "Metadata": _metadata(found.metadata)}}

    def list_stack_resources(self, call: Call, request: Parameters) -> Output:
        stack = self._stack(call, request["StackName"])
        shown = [showing.resource_summary(each) for each in stack.resources.values()]
        return self._page(f"ListStackResources {stack.id}", request, "StackResourceSummaries", shown)

    def get_template(self, call: Call, request: Parameters) -> Output:
        if (name := request.get("ChangeSetName")) is not None:
            held = find_change_set(self._catalog, call, name, request.get("StackName"))[1].input
        else:
            held = self._stack(call, _required(request, "StackName")).input
        processed = request.get("TemplateStage") == "Processed"
        return {
            "TemplateBody": held.processed if processed else held.template,
            "StagesAvailable": ["Original", "Processed"],
        }

    def get_template_summary(self, call: Call, request: Parameters) -> Output:
        if (name := request.get("StackName")) is not None:
            text = self._stack(call, name).input.template
        else:
            text = self._intake.text(call, request, None)
        return showing.template_summary(read(text))

    def validate_template(self, call: Call, request: Parameters) -> Output:
        document = read(self._intake.text(call, request, None))
        check_types(document.get("Parameters") or {})
        if not transforms(document):
            check(template(document))
        return showing.validated(document)

    def list_exports(self, call: Call, request: Parameters) -> Output:
        with self._catalog.reading() as transaction:
            stacks = [each for each in transaction.stacks.of_scope(call.scope) if each.deleted_at is None]
        shown = [
            {"ExportingStackId": stack.id, "Name": name, "Value": value}
            for stack in stacks
            for name, value in stack.exports.items()
        ]
        return self._page("ListExports", request, "Exports", sorted(shown, key=lambda each: each["Name"]))

    def list_imports(self, call: Call, request: Parameters) -> Output:
        name = request["ExportName"]
        found = importers(self._catalog, call.scope, name)
        if not found:
            raise invalid(f"Export '{name}' is not imported by any stack.")
        return self._page(f"ListImports {name}", request, "Imports", found)

    def get_stack_policy(self, call: Call, request: Parameters) -> Output:
        self._stack(call, request["StackName"])
        return {}

    def _stack(self, call: Call, name: str) -> Stack:
        with self._catalog.reading() as transaction:
            return find_stack(transaction, call, name)

    def _of_physical_id(self, call: Call, physical_id: str | None) -> Stack:
        with self._catalog.reading() as transaction:
            for stack in transaction.stacks.of_scope(call.scope):
                held = (each.physical_id for each in stack.resources.values())
                if stack.deleted_at is None and physical_id is not None and physical_id in held:
                    return stack
        raise invalid(f"Stack for {physical_id} does not exist")

    def _page(self, of_list: str, request: Parameters, member: str, items: list[Any]) -> Output:
        position = self._markers.read(of_list, request.get("NextToken"))
        first = 0 if position is None else int(position[0])
        shown, more = page(items[first : first + _PAGE + 1], _PAGE)
        return {member: list(shown), **({"NextToken": self._markers.issue(of_list, [first + _PAGE])} if more else {})}


def _required(request: Parameters, name: str) -> str:
    if request.get(name) is None:
        raise invalid(f"{name} must be specified.")
    return str(request[name])


def _metadata(metadata: Mapping[str, Any]) -> str | None:
    return write(metadata) if metadata else None


def _no_resource(logical_id: str, stack: Stack) -> ApiError:
    return invalid(f"Resource {logical_id} does not exist for stack {stack.name}")
