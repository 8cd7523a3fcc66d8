"""From what a request carries to Python values of the model's types, and nothing about what is allowed in them.

Strings become str, blobs bytes, timestamps aware datetimes, integers int, doubles float, structures dicts by the
model's member names. A JSON null is an absent member. Unknown members are ignored, as AWS does.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Sized
from typing import Any

import pybase64

from lamina.wire.faults import Invalid, unreadable
from lamina.wire.long_strings import LongString
from lamina.wire.model import ListShape, MapShape, Shape, StructureShape
from lamina.wire.timestamps import UNIX, parse_timestamp

_INTEGERS = frozenset({"integer", "long", "short", "byte"})
_FLOATS = frozenset({"float", "double"})
_DECIMAL = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)
_SPECIAL_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def from_json(shape: Shape, value: Any) -> Any:
    """The value of *shape* that the JSON *value* (never None) stands for; raises Invalid (SerializationException)."""
    return _FROM_JSON[shape.type_name](shape, value)


def from_text(shape: Shape, text: str, timestamp_format: str) -> Any:
    """The value of the scalar *shape* that *text*, from a path, a query or a header, stands for; raises Invalid."""
    kind = shape.type_name
    if kind == "timestamp":
        return parse_timestamp(text, str(shape.traits.get("timestampFormat", timestamp_format)))
    if kind == "boolean":
        if text not in ("true", "false"):
            raise _mismatch(text, "Boolean")
        return text == "true"
    if kind in _INTEGERS:
        # int() alone also takes "1_000", " 1" and digits of other scripts.
        if not (text.isascii() and text.removeprefix("-").isdigit()):
            raise _mismatch(text, kind.capitalize())
        return int(text)
    if kind in _FLOATS:
        if _DECIMAL.fullmatch(text):
            return float(text)
        return _float(shape, text)
    if kind == "blob":
        return _blob(shape, text)
    return text


def json_value(text: str) -> Any:
    """What a member marked `jsonvalue` holds: any JSON, here as text."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise unreadable(f"Could not parse a JSON value: {error}") from error


def json_value_header(text: str) -> Any:
    """The same from a header, where the JSON text is base64."""
    try:
        return json_value(b64decode(text, validate=True).decode())
    except (Base64Error, UnicodeDecodeError) as error:
        raise unreadable(f"Could not parse a JSON value: {error}") from error


def _structure(shape: Shape, value: Any) -> Any:
    assert isinstance(shape, StructureShape)
    if shape.traits.get("document"):
        return _plain(value)
    if not isinstance(value, dict):
        raise _mismatch(value, "structure")
    result = {}
    for name, member in shape.members.items():
        held = value.get(member.traits.get("locationName", name))
        if held is not None:
            result[name] = from_json(member, held)
    return result


def _list(shape: Shape, value: Any) -> Any:
    assert isinstance(shape, ListShape)
    if not isinstance(value, list):
        raise _mismatch(value, "list")
    # A null element stays: whether it may be there is a constraint, told in that wording.
    return [None if element is None else from_json(shape.member, element) for element in value]


def _map(shape: Shape, value: Any) -> Any:
    assert isinstance(shape, MapShape)
    if not isinstance(value, dict):
        raise _mismatch(value, "map")
    return {
        _string(shape.key, key): None if held is None else from_json(shape.value, held) for key, held in value.items()
    }


def _string(shape: Shape, value: Any) -> Any:
    if isinstance(value, LongString):
        value = value.text()
    if not isinstance(value, str):
        raise _mismatch(value, "String")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            # JSON can spell half of a surrogate pair. Nothing after us could store it.
            raise unreadable("Could not parse request body into json: incomplete surrogate pair") from error
    return json_value(value) if shape.traits.get("jsonvalue") else value


def _blob(_shape: Shape, value: Any) -> Sized:
    try:
        if isinstance(value, LongString):
            return value.base64()
        if isinstance(value, str):
            return pybase64.b64decode(value, validate=True)
    except ValueError as error:  # binascii.Error, and text that isn't ASCII
        raise unreadable(f"Could not decode base64: {error}") from error
    raise _mismatch(value, "Blob")


def _timestamp(shape: Shape, value: Any) -> Any:
    return parse_timestamp(_plain(value), str(shape.traits.get("timestampFormat", UNIX)))


def _boolean(_shape: Shape, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _mismatch(value, "Boolean")
    return value


def _integer(shape: Shape, value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _mismatch(value, shape.type_name.capitalize())
    return value


def _float(shape: Shape, value: Any) -> float:
    if isinstance(value, str) and value in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _mismatch(value, shape.type_name.capitalize())
    try:
        return float(value)
    except OverflowError as error:
        raise _mismatch(value, shape.type_name.capitalize()) from error


def _plain(value: Any) -> Any:
    if isinstance(value, LongString):
        return value.text()
    if isinstance(value, dict):
        return {key: _plain(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_plain(held) for held in value]
    return value


def _mismatch(value: Any, wanted: str) -> Invalid:
    # None of Lambda's sentences is recorded; these are the ones that AWS's JSON services in general answer with.
    if isinstance(value, list):
        return unreadable("Start of list found where not expected")
    if isinstance(value, dict):
        return unreadable("Start of structure or map found where not expected.")
    if wanted in ("structure", "list", "map"):
        return unreadable("Unexpected field type")
    if isinstance(value, bool):
        token = "TRUE_VALUE" if value else "FALSE_VALUE"
    else:
        token = "NUMBER_VALUE" if isinstance(value, (int, float)) else "STRING_VALUE"
    article = "an" if wanted[0] in "AEIOU" else "a"
    return unreadable(f"{token} can not be converted to {article} {wanted}")


_FROM_JSON: dict[str, Callable[[Shape, Any], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "character": _string,
    "blob": _blob,
    "timestamp": _timestamp,
    "boolean": _boolean,
    **dict.fromkeys(_INTEGERS, _integer),
    **dict.fromkeys(_FLOATS, _float),
}
