"""From Python values to what the wire holds, by the model; the opposite of `values`.

An output the model does not describe (an unknown member, a number for a string) is a mistake of ours: KeyError or
TypeError, which the gateway answers as an internal error. A member that is None is absent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pybase64
from botocore.model import ListShape, MapShape, Shape, StructureShape

from lamina.wire.timestamps import UNIX, print_timestamp


def json_bytes(value: Any) -> bytes:
    """*value* as compact UTF-8 JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def to_json(shape: Shape, value: Any) -> Any:
    """*value* as JSON holds it: base64 for blobs, numbers or text for timestamps, the model's names on the wire."""
    return _TO_JSON[shape.type_name](shape, value)


def to_text(shape: Shape, value: Any, timestamp_format: str) -> str:
    """The scalar *value* as a header holds it."""
    kind = shape.type_name
    if kind == "timestamp":
        return str(print_timestamp(value, str(shape.serialization.get("timestampFormat", timestamp_format))))
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "blob":
        return pybase64.b64encode(value).decode()
    return str(_TO_JSON[kind](shape, value))


def quoted(text: str) -> str:
    """*text* as one value of a list header: in quotes where a comma or a quote would divide it."""
    if '"' in text or "," in text:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return text


def _structure(shape: Shape, value: Any) -> Any:
    assert isinstance(shape, StructureShape)
    if shape.metadata.get("document"):
        return value
    members = shape.members
    return {
        members[name].serialization.get("name", name): to_json(members[name], held)
        for name, held in _mapping(shape, value).items()
        if held is not None
    }


def _list(shape: Shape, value: Any) -> list[Any]:
    assert isinstance(shape, ListShape)
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{shape.name} takes a list, not {type(value).__name__}")
    return [None if held is None else to_json(shape.member, held) for held in value]


def _map(shape: Shape, value: Any) -> dict[str, Any]:
    assert isinstance(shape, MapShape)
    return {key: None if held is None else to_json(shape.value, held) for key, held in _mapping(shape, value).items()}


def _mapping(shape: Shape, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{shape.name} takes a mapping, not {type(value).__name__}")
    return value


def _string(shape: Shape, value: Any) -> str:
    if shape.serialization.get("jsonvalue"):
        return json_bytes(value).decode()
    if not isinstance(value, str):
        raise TypeError(f"{shape.name} takes a str, not {type(value).__name__}")
    return value


def _blob(_shape: Shape, value: Any) -> str:
    return pybase64.b64encode(value).decode()


def _timestamp(shape: Shape, value: Any) -> str | int | float:
    if not isinstance(value, (datetime, int, float)):
        raise TypeError(f"{shape.name} takes a datetime or seconds, not {type(value).__name__}")
    return print_timestamp(value, str(shape.serialization.get("timestampFormat", UNIX)))


def _boolean(shape: Shape, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{shape.name} takes a bool, not {type(value).__name__}")
    return value


def _integer(shape: Shape, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{shape.name} takes an int, not {type(value).__name__}")
    return value


def _float(shape: Shape, value: Any) -> float | str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{shape.name} takes a number, not {type(value).__name__}")
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


_TO_JSON: dict[str, Callable[[Shape, Any], Any]] = {
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
