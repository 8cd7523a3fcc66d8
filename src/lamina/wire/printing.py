"""From Python values to what the wire holds, by the model; the opposite of `values`.

An output the model does not describe (an unknown member, a number for a string) is a mistake of ours: KeyError or
TypeError, which the gateway answers as an internal error. A member that is None is absent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, ItemsView, Mapping
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

import pybase64

from lamina.wire.model import ListShape, MapShape, Shape, StructureShape
from lamina.wire.timestamps import UNIX, print_timestamp

_Printer = Callable[[Any], Any]
_PRINTERS: WeakKeyDictionary[Shape, _Printer] = WeakKeyDictionary()


def json_bytes(value: Any) -> bytes:
    """*value* as compact UTF-8 JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def to_json(shape: Shape, value: Any) -> Any:
    """*value* as JSON holds it: base64 for blobs, numbers or text for timestamps, the model's names on the wire."""
    return _printer(shape)(value)


def to_text(shape: Shape, value: Any, timestamp_format: str) -> str:
    """The scalar *value* as a header holds it."""
    kind = shape.type_name
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "timestamp":
        return str(print_timestamp(value, str(shape.traits.get("timestampFormat", timestamp_format))))
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "blob":
        return pybase64.b64encode(value).decode()
    return str(to_json(shape, value))


def quoted(text: str) -> str:
    """*text* as one value of a list header: in quotes where a comma or a quote would divide it."""
    if '"' in text or "," in text:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return text


def _printer(shape: Shape) -> _Printer:
    """What prints values of *shape*; made once: asking the model again for each value takes most of the time."""
    printer = _PRINTERS.get(shape)
    if printer is None:
        printer = _PRINTERS[shape] = _MAKERS[shape.type_name](shape)
    return printer


def _structure(shape: Shape) -> _Printer:
    assert isinstance(shape, StructureShape)
    if shape.traits.get("document"):
        return lambda value: value
    name, members = shape.name, shape.members
    # Filled as members are met: a structure may contain itself.
    known: dict[str, tuple[str, _Printer]] = {}

    def learn(member: str) -> tuple[str, _Printer]:
        inner = members[member]
        known[member] = (str(inner.traits.get("locationName", member)), _printer(inner))
        return known[member]

    def print_structure(value: Any) -> dict[str, Any]:
        printed = {}
        for member, held in _items(name, value):
            if held is not None:
                key, print_member = known.get(member) or learn(member)
                printed[key] = print_member(held)
        return printed

    return print_structure


def _list(shape: Shape) -> _Printer:
    assert isinstance(shape, ListShape)
    name, member = shape.name, shape.member

    def print_list(value: Any) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"{name} takes a list, not {type(value).__name__}")
        print_member = _printer(member)
        return [None if held is None else print_member(held) for held in value]

    return print_list


def _map(shape: Shape) -> _Printer:
    assert isinstance(shape, MapShape)
    name, inner = shape.name, shape.value

    def print_map(value: Any) -> dict[str, Any]:
        print_value = _printer(inner)
        return {key: None if held is None else print_value(held) for key, held in _items(name, value)}

    return print_map


def _items(name: str, value: Any) -> ItemsView[str, Any]:
    if type(value) is dict or isinstance(value, Mapping):
        return value.items()
    raise TypeError(f"{name} takes a mapping, not {type(value).__name__}")


def _string(shape: Shape) -> _Printer:
    if shape.traits.get("jsonvalue"):
        return lambda value: json_bytes(value).decode()
    return _scalar(shape, str, "str")


def _blob(_shape: Shape) -> _Printer:
    return lambda value: pybase64.b64encode(value).decode()


def _timestamp(shape: Shape) -> _Printer:
    name, timestamp_format = shape.name, str(shape.traits.get("timestampFormat", UNIX))

    def print_time(value: Any) -> str | int | float:
        if not isinstance(value, (datetime, int, float)):
            raise TypeError(f"{name} takes a datetime or seconds, not {type(value).__name__}")
        return print_timestamp(value, timestamp_format)

    return print_time


def _boolean(shape: Shape) -> _Printer:
    return _scalar(shape, bool, "bool")


def _integer(shape: Shape) -> _Printer:
    return _scalar(shape, int, "int")


def _scalar(shape: Shape, kind: type, called: str) -> _Printer:
    """What lets values of *kind* pass as they are; a bool is no int."""
    name = shape.name

    def print_scalar(value: Any) -> Any:
        if not isinstance(value, kind) or (value.__class__ is bool and kind is not bool):
            article = "an" if called[0] in "aeiou" else "a"
            raise TypeError(f"{name} takes {article} {called}, not {type(value).__name__}")
        return value

    return print_scalar


def _float(shape: Shape) -> _Printer:
    name = shape.name

    def print_float(value: Any) -> float | str:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{name} takes a number, not {type(value).__name__}")
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return value

    return print_float


_MAKERS: dict[str, Callable[[Shape], _Printer]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "character": _string,
    "blob": _blob,
    "timestamp": _timestamp,
    "boolean": _boolean,
    **dict.fromkeys(("integer", "long", "short", "byte"), _integer),
    **dict.fromkeys(("float", "double"), _float),
}
