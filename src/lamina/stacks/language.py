"""AWS::LanguageExtensions: loops in a template, written out before anything else is looked at.

The other things that the transform brings (Fn::Length, Fn::ToJsonString, a default in Fn::FindInMap) are functions like
any other, and understood without it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lamina.stacks.faults import erroneous

_LOOP = "Fn::ForEach::"
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9]")


def written_out(document: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """*document* with every loop in it unrolled; *values* are those of the parameters, by name."""
    mappings = document.get("Mappings") or {}
    result: dict[str, Any] = _expand(document, {}, values, mappings)
    return result


def _expand(value: Any, bound: Mapping[str, str], values: Mapping[str, Any], mappings: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return _substituted(value, bound)
    if isinstance(value, list):
        return [_expand(each, bound, values, mappings) for each in value]
    if not isinstance(value, Mapping):
        return value
    if value.keys() == {"Ref"} and value["Ref"] in bound:
        return bound[value["Ref"]]
    result: dict[str, Any] = {}
    for key, held in value.items():
        if not key.startswith(_LOOP):
            result[_substituted(key, bound)] = _expand(held, bound, values, mappings)
            continue
        if not isinstance(held, list) or len(held) != 3 or not isinstance(held[2], Mapping):
            raise erroneous(f"{key} needs an identifier, a collection and what to make of each of its members")
        name, collection, body = held
        for each in _collection(key, collection, bound, values, mappings):
            result |= _expand(body, {**bound, str(name): each}, values, mappings)
    return result


def _collection(
    loop: str, collection: Any, bound: Mapping[str, str], values: Mapping[str, Any], mappings: Mapping[str, Any]
) -> list[str]:
    found = _expand(collection, bound, values, mappings)
    if isinstance(found, Mapping):
        if "Ref" in found:
            found = values.get(str(found["Ref"]))
        elif "Fn::FindInMap" in found:
            name, top, second = (
                str(values.get(str(part.get("Ref"))) if isinstance(part, Mapping) else part)
                for part in found["Fn::FindInMap"]
            )
            found = mappings.get(name, {}).get(top, {}).get(second)
    if not isinstance(found, list):
        raise erroneous(f"the collection of {loop} is no list that is known before the stack is made")
    return [str(each) for each in found]


def _substituted(text: str, bound: Mapping[str, str]) -> str:
    for name, value in bound.items():
        text = text.replace(f"${{{name}}}", value).replace(f"&{{{name}}}", _NOT_IN_IDS.sub("", value))
    return text
