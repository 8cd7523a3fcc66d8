"""One request's parts put together to the input structure the model describes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lamina.wire.coming import ComingJson
from lamina.wire.faults import unreadable
from lamina.wire.long_strings import check, load_json
from lamina.wire.model import ListShape, MapShape, Shape, StructureShape
from lamina.wire.routes import Query, Route
from lamina.wire.timestamps import ISO8601, RFC822
from lamina.wire.values import from_json, from_text, json_value_header

# One value of a list header: quoted with backslash escapes, or up to the next comma.
_HEADER_VALUE = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)')


def parse_input(
    shape: StructureShape, route: Route, headers: Mapping[str, str], body: bytes | ComingJson
) -> dict[str, Any]:
    """The members of *shape* that the request carries, under the model's names; absent ones are absent.

    *headers* have lower-case names; a body that was read as it came is for what `takes_coming` only. Raises Invalid
    for what is not of the model's types; constraints come later.
    """
    params: dict[str, Any] = {}
    in_body: dict[str, Shape] = {}
    payload = shape.traits.get("payload")
    for name, member in shape.members.items():
        location = member.traits.get("location")
        if location is None:
            if name != payload:
                in_body[name] = member
            continue
        key = str(member.traits.get("locationName", name))
        value = _located(location, key, member, route, headers)
        if value is not None:
            params[name] = value
    if payload is not None:
        assert isinstance(body, bytes), "a payload is nothing to look into"
        value = _payload(shape.members[payload], body, required=payload in shape.required_members)
        if value is not None:
            params[payload] = value
    elif in_body and body:
        params.update(_json_members(in_body, body))
    # Members in the model's order, whatever part of the request they came in: constraint errors follow it.
    return {name: params[name] for name in shape.members if name in params}


def takes_coming(shape: StructureShape) -> bool:
    """Whether it pays to read the body of such an input as it comes: it is JSON, with blobs in it."""
    if shape.traits.get("payload") is not None:
        return False
    inner = [member for member in shape.members.values() if isinstance(member, StructureShape)]
    return any(member.type_name == "blob" for each in (shape, *inner) for member in each.members.values())


def _located(location: str, key: str, member: Shape, route: Route, headers: Mapping[str, str]) -> Any:
    if location == "uri":
        return from_text(member, route.uri[key], ISO8601)
    if location == "querystring":
        return _query_member(member, key, route.query)
    if location == "headers":
        prefix = key.lower()
        return {name[len(prefix) :]: value for name, value in headers.items() if name.startswith(prefix)} or None
    text = headers.get(key.lower())
    return None if text is None else _header_member(member, text)


def _query_member(member: Shape, key: str, query: Query) -> Any:
    if isinstance(member, MapShape):
        # A map takes every parameter, those with a member of their own too.
        many = isinstance(member.value, ListShape)
        return {name: values if many else values[0] for name, values in query.items()} or None
    values = query.get(key)
    if values is None:
        return None
    if isinstance(member, ListShape):
        return [from_text(member.member, value, ISO8601) for value in values]
    return from_text(member, values[0], ISO8601)


def _header_member(member: Shape, text: str) -> Any:
    if isinstance(member, ListShape):
        return [from_text(member.member, part, RFC822) for part in _header_values(member.member, text)]
    if member.traits.get("jsonvalue"):
        return json_value_header(text)
    return from_text(member, text, RFC822)


def _header_values(element: Shape, text: str) -> list[str]:
    if element.type_name == "timestamp" and element.traits.get("timestampFormat", RFC822) == RFC822:
        # An HTTP date holds a comma itself: every second one divides.
        parts = text.split(",")
        return [",".join(parts[at : at + 2]).strip() for at in range(0, len(parts), 2)]
    values = []
    for match in _HEADER_VALUE.finditer(text):
        quoted, bare = match.groups()
        if quoted is not None:
            values.append(re.sub(r"\\(.)", r"\1", quoted))
        elif match.group():
            values.append(bare.strip())
    return values


def _payload(member: Shape, body: bytes, *, required: bool) -> Any:
    if not body:
        # Empty is a value of a blob or a string, so a required one is there; of a structure it is nothing.
        return {"blob": b"", "string": ""}.get(member.type_name) if required else None
    if member.type_name == "blob":
        return body
    if member.type_name == "string":
        return _text(body)
    value, long_strings = load_json(body)
    result = None if value is None else from_json(member, value)
    check(long_strings)
    return result


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise unreadable(f"The payload is no UTF-8: {error}") from error


def _json_members(members: Mapping[str, Shape], body: bytes | ComingJson) -> dict[str, Any]:
    document, long_strings = load_json(body) if isinstance(body, bytes) else body.finish()
    if not isinstance(document, dict):
        raise unreadable("Unexpected field type")
    params = {}
    for name, member in members.items():
        value = document.get(member.traits.get("locationName", name))
        if value is not None:
            params[name] = from_json(member, value)
    check(long_strings)
    return params
