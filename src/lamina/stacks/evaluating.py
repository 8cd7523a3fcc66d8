"""A template with everything it names: which resources it wants, in which order, with which properties and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lamina.names import Scope
from lamina.stacks.deciding import LATER, Wanted, change, decide
from lamina.stacks.faults import erroneous, invalid
from lamina.stacks.intrinsics import ABSENT, Resolver
from lamina.stacks.ordering import ordered
from lamina.stacks.parameters import Parameter, values
from lamina.stacks.stack import Resource, Stack
from lamina.stacks.templates import Template

Imported = Callable[[str], str]


def pseudo(scope: Scope, stack_name: str, stack_id: str, notifications: Sequence[str]) -> dict[str, Any]:
    """The pseudo parameters of a stack."""
    partition = "aws-cn" if scope.region.startswith("cn-") else "aws"
    return {
        "AWS::AccountId": scope.account,
        "AWS::Region": scope.region,
        "AWS::Partition": partition,
        "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
        "AWS::StackName": stack_name,
        "AWS::StackId": stack_id,
        "AWS::NotificationARNs": list(notifications),
    }


class Evaluation:
    """One template of one stack. `made` is what exists of it, and may grow between two questions."""

    def __init__(
        self,
        template: Template,
        parameters: Mapping[str, Parameter],
        stack: Stack,
        imported: Imported,
        made: Mapping[str, Resource],
    ) -> None:
        self.template = template
        self.made = made
        self._own = pseudo(stack.scope, stack.name, stack.id, stack.input.notifications)
        given = values(template.parameters, parameters)
        self._resolver = Resolver(
            named={**self._own, **given},
            mappings=template.mappings,
            conditions=template.conditions,
            reference=self._reference,
            attribute=self._attribute,
            imported=imported,
            zones=lambda region: [f"{region}{letter}" for letter in "abc"],
        )
        for name in template.conditions:
            self._resolver.holds(name)

    @property
    def order(self) -> list[str]:
        """The logical ids of the resources that are wanted, each behind what it needs."""
        return ordered(self.template, self._resolver.holds)

    def check_rules(self) -> None:
        """Raise the API's error for parameters that a rule of the template does not let stand together."""
        for name, rule in self.template.rules.items():
            if "RuleCondition" in rule and not self._resolver.truth(rule["RuleCondition"]):
                continue
            for assertion in rule.get("Assertions", ()):
                if not self._resolver.truth(assertion["Assert"]):
                    told = assertion.get("AssertDescription", f"rule {name}")
                    raise invalid(f"Template validation error: failed assertion: {told}")

    def wanted(self, logical_id: str) -> Wanted:
        """The resource *logical_id* as it is to be; everything it refers to has to be in `made`."""
        declared = self.template.resources[logical_id]
        properties = self._resolver.resolve(declared.properties)
        return Wanted(declared, properties)

    def outputs(self) -> tuple[Mapping[str, Any], ...]:
        """The outputs whose conditions hold, as the API shows them."""
        return tuple(
            self._output(name, declared)
            for name, declared in self.template.outputs.items()
            if "Condition" not in declared or self._resolver.holds(declared["Condition"])
        )

    def _output(self, name: str, declared: Mapping[str, Any]) -> Mapping[str, Any]:
        value = self._resolver.resolve(declared.get("Value"))
        if isinstance(value, bool):
            value = "true" if value else "false"
        if isinstance(value, (int, float)):
            value = str(value)
        if not isinstance(value, str):
            kind = "nothing" if value is ABSENT else "a list" if isinstance(value, list) else "no text"
            raise invalid(f"Template format error: Output {name} is malformed. Its value is {kind}")
        shown = {"OutputKey": name, "OutputValue": value}
        if (description := declared.get("Description")) is not None:
            shown["Description"] = str(self._resolver.resolve(description))
        if (export := declared.get("Export")) is not None:
            shown["ExportName"] = str(self._resolver.resolve(export.get("Name")))
        return shown

    def _reference(self, logical_id: str) -> Any:
        return self._found(logical_id).physical_id

    def _attribute(self, logical_id: str, attribute: str) -> Any:
        if logical_id not in self.template.resources:
            raise erroneous(f"instance of Fn::GetAtt references undefined resource {logical_id}")
        found = self._found(logical_id)
        if attribute in found.attributes:
            return found.attributes[attribute]
        # What is not known yet may have any attribute.
        if found.physical_id == LATER:
            return LATER
        held: Any = found.attributes
        for part in attribute.split("."):
            if not isinstance(held, Mapping):
                raise KeyError(attribute)
            held = held[part]
        return held

    def _found(self, logical_id: str) -> Resource:
        found = self.made.get(logical_id)
        if found is None:
            if logical_id in self.template.resources:
                told = f"Unresolved resource dependencies [{logical_id}]: its condition does not hold"
                raise erroneous(told)
            raise KeyError(logical_id)
        return found


def changes(
    template: Template, parameters: Mapping[str, Parameter], stack: Stack, imported: Imported
) -> tuple[tuple[Mapping[str, Any], ...], bool]:
    """What would change for *stack*, resource by resource, and whether anything would: outputs count, too."""
    made: dict[str, Resource] = {}
    evaluation = Evaluation(template, parameters, stack, imported, made)
    evaluation.check_rules()
    found = []
    order = evaluation.order
    for logical_id in order:
        before = stack.resources.get(logical_id)
        wanted = evaluation.wanted(logical_id)
        if (shown := change(before, wanted)) is not None:
            found.append(shown)
        if before is None or decide(before, wanted).action in ("create", "replace"):
            declared = wanted.declared
            made[logical_id] = Resource(logical_id, declared.type, LATER, wanted.properties, {}, "", 0)
        else:
            made[logical_id] = before
    removed = [each for key, each in stack.resources.items() if key not in order and each.physical_id]
    found += [shown for each in removed if (shown := change(each, None)) is not None]
    return tuple(found), bool(found) or evaluation.outputs() != stack.outputs
