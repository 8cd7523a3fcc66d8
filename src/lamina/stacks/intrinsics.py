"""Intrinsic functions: what the values in a template come to, once what they name is known.

    Resolver(names, attributes, …).resolve({"Fn::Sub": "${Bucket.Arn}/*"})

A value that is absent (`AWS::NoValue`) leaves its place: the member or the element is not there.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from lamina.stacks.faults import erroneous

# What a member comes to that is to be left out.
ABSENT: Final = object()
_SUBSTITUTED = re.compile(r"\$\{(!?)([^}]*)\}")
_DEPTH_MAX = 100
NO_VALUE = "AWS::NoValue"


@dataclass(frozen=True)
class Resolver:
    """What the functions of one template may name.

    `named`: parameters and pseudo parameters. `reference` and `attribute` give what Ref and Fn::GetAtt of a resource
    come to, or raise KeyError. `imported` gives another stack's export, `zones` the availability zones of a region.
    """

    named: Mapping[str, Any]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    reference: Callable[[str], Any]
    attribute: Callable[[str, str], Any]
    imported: Callable[[str], str]
    zones: Callable[[str], Sequence[str]]
    parameter_values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    _holds: dict[str, bool | None] = field(default_factory=dict, init=False)

    def resolve(self, value: Any, depth: int = 0) -> Any:
        """*value* without functions, ABSENT where nothing is to be; raises the API's error."""
        if depth > _DEPTH_MAX:
            raise erroneous("the template is nested too deeply")
        if isinstance(value, list):
            held = (self.resolve(each, depth + 1) for each in value)
            return [each for each in held if each is not ABSENT]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            function = self._functions.get(name)
            if function is not None:
                return function(self, argument, depth + 1)
            if name.startswith("Fn::"):
                raise erroneous(f"unresolved function {name}")
        members = {key: self.resolve(each, depth + 1) for key, each in value.items()}
        return {key: each for key, each in members.items() if each is not ABSENT}

    def holds(self, name: str) -> bool:
        """Whether the condition *name* holds; raises the API's error where there is none, or it needs itself."""
        if name not in self.conditions:
            raise erroneous(f"unresolved condition dependency {name} in the Conditions block of the template")
        if name in self._holds:
            known = self._holds[name]
            if known is None:
                raise erroneous(f"Circular dependency between conditions, of which {name} is one")
            return known
        self._holds[name] = None
        result = self._holds[name] = self.truth(self.conditions[name])
        return result

    def truth(self, value: Any, depth: int = 0) -> bool:
        """What a condition's expression comes to."""
        if isinstance(value, Mapping) and len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Condition":
                return self.holds(str(argument))
        result = self.resolve(value, depth + 1)
        if result in (True, "true"):
            return True
        if result in (False, "false"):
            return False
        raise erroneous(f"a condition is neither true nor false: {json.dumps(value, default=str)}")

    # The functions, each given its argument as written.

    def _ref(self, name: Any, _depth: int) -> Any:
        if name == NO_VALUE:
            return ABSENT
        if not isinstance(name, str):
            raise erroneous("every Ref object must have a single String value.")
        if name in self.named:
            return self.named[name]
        try:
            return self.reference(name)
        except KeyError:
            raise erroneous(f"Unresolved resource dependencies [{name}] in the Resources block") from None

    def _get_att(self, argument: Any, depth: int) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if not isinstance(parts, list) or len(parts) < 2 or not isinstance(parts[0], str):
            raise erroneous(
                "every Fn::GetAtt object requires two non-empty parameters, the resource name and the"
                " resource attribute"
            )
        names = [str(self.resolve(part, depth)) for part in parts[1:]]
        return self._attribute(parts[0], ".".join(names))

    def _attribute(self, resource: str, attribute: str) -> Any:
        try:
            return self.attribute(resource, attribute)
        except KeyError:
            raise erroneous(f"resource {resource} does not support attribute type {attribute} in Fn::GetAtt") from None

    def _sub(self, argument: Any, depth: int) -> Any:
        text: Any = argument
        given: Mapping[str, Any] = {}
        if isinstance(argument, list):
            if len(argument) != 2 or not isinstance(argument[1], Mapping):
                raise erroneous("One or more Fn::Sub intrinsic functions don't specify expected arguments.")
            text, given = argument[0], argument[1]
        if not isinstance(text, str):
            raise erroneous("One or more Fn::Sub intrinsic functions don't specify expected arguments.")

        def substitute(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            return _text(self._named_in_text(name.strip(), given, depth), "Fn::Sub")

        return _SUBSTITUTED.sub(substitute, text)

    def _named_in_text(self, name: str, given: Mapping[str, Any], depth: int) -> Any:
        if name in given:
            return self.resolve(given[name], depth)
        if "." in name and name not in self.named:
            return self._attribute(*name.split(".", 1))
        return self._ref(name, depth)

    def _join(self, argument: Any, depth: int) -> Any:
        if not isinstance(argument, list) or len(argument) != 2:
            raise erroneous(
                "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of"
                " strings to be joined."
            )
        delimiter, values = self.resolve(argument[0], depth), self.resolve(argument[1], depth)
        if not isinstance(values, list) or not isinstance(delimiter, str):
            raise erroneous(
                "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of"
                " strings to be joined."
            )
        return delimiter.join(_text(value, "Fn::Join") for value in values)

    def _split(self, argument: Any, depth: int) -> Any:
        delimiter, text = self._pair("Fn::Split", argument, depth)
        if not isinstance(text, str) or not isinstance(delimiter, str) or not delimiter:
            raise erroneous(
                "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split."
            )
        return text.split(delimiter)

    def _select(self, argument: Any, depth: int) -> Any:
        index, values = self._pair("Fn::Select", argument, depth)
        if isinstance(values, str):
            values = values.split(",")
        if not isinstance(values, list) or not str(index).isdigit():
            raise erroneous(
                "every Fn::Select object requires two parameters, (1) a non-negative integer and (2) a list."
            )
        if int(index) >= len(values):
            raise erroneous(f"Fn::Select cannot select nonexistent value at index {index}")
        return values[int(index)]

    def _if(self, argument: Any, depth: int) -> Any:
        if not isinstance(argument, list) or len(argument) != 3:
            raise erroneous("Fn::If requires a list argument with three elements")
        condition, then, otherwise = argument
        chosen = self.holds(condition) if isinstance(condition, str) else self.truth(condition, depth)
        return self.resolve(then if chosen else otherwise, depth)

    def _find_in_map(self, argument: Any, depth: int) -> Any:
        if not isinstance(argument, list) or len(argument) not in (3, 4):
            raise erroneous(
                "every Fn::FindInMap object requires three parameters, the map name, map key and the"
                " attribute for return value"
            )
        name, top, second = (str(self.resolve(part, depth)) for part in argument[:3])
        try:
            return self.resolve(self.mappings[name][top][second], depth)
        except (KeyError, TypeError):
            default = argument[3].get("DefaultValue", ABSENT) if len(argument) == 4 else ABSENT
            if default is ABSENT:
                raise erroneous(f"Unable to get mapping for {name}::{top}::{second}") from None
            return self.resolve(default, depth)

    def _import(self, argument: Any, depth: int) -> Any:
        return self.imported(_text(self.resolve(argument, depth), "Fn::ImportValue"))

    def _base64(self, argument: Any, depth: int) -> Any:
        return base64.b64encode(_text(self.resolve(argument, depth), "Fn::Base64").encode()).decode()

    def _zones(self, argument: Any, depth: int) -> Any:
        region = self.resolve(argument, depth)
        return list(self.zones(region or self.named["AWS::Region"]))

    def _cidr(self, argument: Any, depth: int) -> Any:
        values = self.resolve(argument, depth)
        if not isinstance(values, list) or len(values) not in (2, 3):
            raise erroneous("every Fn::Cidr object requires two or three parameters")
        try:
            network = ipaddress.ip_network(values[0])
            bits = int(values[2]) if len(values) == 3 else (8 if network.version == 4 else 64)
            subnets = network.subnets(new_prefix=network.max_prefixlen - bits)
            return [str(subnet) for subnet, _ in zip(subnets, range(int(values[1])), strict=False)]
        except (ValueError, TypeError) as error:
            raise erroneous(f"Fn::Cidr: {error}") from error

    def _length(self, argument: Any, depth: int) -> Any:
        values = self.resolve(argument, depth)
        if not isinstance(values, list):
            raise erroneous("Fn::Length needs a list")
        return len(values)

    def _to_json(self, argument: Any, depth: int) -> Any:
        return json.dumps(self.resolve(argument, depth), separators=(",", ":"))

    def _equals(self, argument: Any, depth: int) -> Any:
        first, second = self._pair("Fn::Equals", argument, depth)
        return _plain(first) == _plain(second)

    def _and(self, argument: Any, depth: int) -> Any:
        return all(self.truth(each, depth) for each in _conditions("Fn::And", argument))

    def _or(self, argument: Any, depth: int) -> Any:
        return any(self.truth(each, depth) for each in _conditions("Fn::Or", argument))

    def _not(self, argument: Any, depth: int) -> Any:
        if not isinstance(argument, list) or len(argument) != 1:
            raise erroneous("every Fn::Not object requires one boolean parameter.")
        return not self.truth(argument[0], depth)

    # What only rules use.

    def _contains(self, argument: Any, depth: int) -> Any:
        values, value = self._pair("Fn::Contains", argument, depth)
        return isinstance(values, list) and _plain(value) in [_plain(each) for each in values]

    def _each_member_in(self, argument: Any, depth: int) -> Any:
        values, allowed = self._pair("Fn::EachMemberIn", argument, depth)
        return all(each in allowed for each in values)

    def _each_member_equals(self, argument: Any, depth: int) -> Any:
        values, value = self._pair("Fn::EachMemberEquals", argument, depth)
        return all(_plain(each) == _plain(value) for each in values)

    def _ref_all(self, argument: Any, _depth: int) -> Any:
        return list(self.parameter_values.get(str(argument), ()))

    def _pair(self, function: str, argument: Any, depth: int) -> tuple[Any, Any]:
        if not isinstance(argument, list) or len(argument) != 2:
            raise erroneous(f"every {function} object requires two parameters.")
        return self.resolve(argument[0], depth), self.resolve(argument[1], depth)

    _functions: ClassVar[Mapping[str, Callable[[Resolver, Any, int], Any]]] = {
        "Ref": _ref,
        "Fn::GetAtt": _get_att,
        "Fn::Sub": _sub,
        "Fn::Join": _join,
        "Fn::Split": _split,
        "Fn::Select": _select,
        "Fn::If": _if,
        "Fn::FindInMap": _find_in_map,
        "Fn::ImportValue": _import,
        "Fn::Base64": _base64,
        "Fn::GetAZs": _zones,
        "Fn::Cidr": _cidr,
        "Fn::Length": _length,
        "Fn::ToJsonString": _to_json,
        "Fn::Equals": _equals,
        "Fn::And": _and,
        "Fn::Or": _or,
        "Fn::Not": _not,
        "Fn::Contains": _contains,
        "Fn::EachMemberIn": _each_member_in,
        "Fn::EachMemberEquals": _each_member_equals,
        "Fn::RefAll": _ref_all,
    }


def _conditions(function: str, argument: Any) -> list[Any]:
    if not isinstance(argument, list) or not 2 <= len(argument) <= 10:
        raise erroneous(f"every {function} object requires a list of at least 2 and at most 10 boolean parameters.")
    return argument


def _plain(value: Any) -> Any:
    # In templates, "1" and 1, "true" and true are the same.
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def _text(value: Any, function: str) -> str:
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    if isinstance(plain, list) and function == "Fn::Sub":
        return ",".join(_text(each, function) for each in plain)
    raise erroneous(f"{function} needs text, and got {json.dumps(plain, default=str)}")
