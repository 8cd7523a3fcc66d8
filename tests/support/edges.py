"""Values just inside and just outside what the model allows, for every member of an operation's input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from lamina.wire.patterns import matcher

Path = tuple[str, ...]
# A marker for "leave this member out".
ABSENT = object()

_DEPTH_MAX = 4
# Longer ones are of no use: in a path or a header they meet the bounds of HTTP first.
_IN_BODY_MAX, _IN_HEAD_MAX = 70_000, 3_000
_UNUSUAL = ("é☃😀", "a b", "\0", "../..", "$LATEST:1:2", "%2F", "'\"", "\ud800")
# What some pattern or other begins with.
_SEEDS = (
    "a",
    "1",
    "123456789012",
    "o-a",
    "subnet-a",
    "sg-a",
    "arn:aws:iam::123456789012:role/a",
    "arn:aws:lambda:us-east-1:123456789012:function:a",
    "arn:aws:lambda:us-east-1:123456789012:layer:a:1",
    "arn:aws:sqs:us-east-1:123456789012:a",
)
_BOUNDARIES = (-(2**63), -(2**31) - 1, -1, 0, 1, 2**31, 2**63 - 1)


def edges(operation: OperationModel, plain: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Where in the input, and what to put there; *plain* has values that are fine, by a member's name.

    A value inside a list or a map comes as the whole list or map.
    """
    if operation.input_shape is not None:
        yield from _structure(operation.input_shape, (), plain, 0)


def placed(request: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """*request* with *value* at *path*; structures on the way are made where they are missing."""
    name, *rest = path
    after = dict(request)
    if rest:
        inner = after.get(name)
        after[name] = placed(inner if isinstance(inner, Mapping) else {}, tuple(rest), value)
    elif value is ABSENT:
        after.pop(name, None)
    else:
        after[name] = value
    return after


def fine(shape: Shape, plain: Mapping[str, Any], name: str = "", depth: int = 0) -> Any:
    """A value that holds all constraints of *shape*, as far as that is easily found: required members only."""
    if name in plain and depth <= 1:
        return plain[name]
    if isinstance(shape, StructureShape):
        return {each: fine(shape.members[each], plain, each, depth + 1) for each in shape.required_members}
    if isinstance(shape, ListShape):
        return [fine(shape.member, plain, "", depth + 1)] * int(shape.metadata.get("min", 0))
    if isinstance(shape, MapShape):
        return {}
    return _fine_scalar(shape)


def _fine_scalar(shape: Shape) -> Any:
    metadata = shape.metadata
    match shape.type_name:
        case "string":
            if "enum" in metadata:
                return metadata["enum"][0]
            return next(iter(_matching(shape, max(int(metadata.get("min", 1)), 1))), "a")
        case "integer" | "long":
            return int(metadata.get("min", 1))
        case "double" | "float":
            return float(metadata.get("min", 0.5))
        case "boolean":
            return True
        case "timestamp":
            return datetime(2026, 1, 2, tzinfo=UTC)
    return b"x"


def _structure(shape: StructureShape, path: Path, plain: Mapping[str, Any], depth: int) -> Iterator[tuple[Path, Any]]:
    for name, member in shape.members.items():
        here = (*path, name)
        if name in shape.required_members and member.serialization.get("location") != "uri":
            yield here, ABSENT
        if isinstance(member, StructureShape):
            yield here, {}
            if depth < _DEPTH_MAX:
                yield from _structure(member, here, plain, depth + 1)
        else:
            for value in _values(member, plain, depth):
                yield here, value


def _values(shape: Shape, plain: Mapping[str, Any], depth: int) -> Iterator[Any]:
    """Values of a *shape* that is no structure."""
    if isinstance(shape, ListShape):
        yield from _lists(shape, plain, depth)
    elif isinstance(shape, MapShape):
        yield from _maps(shape, plain, depth)
    elif shape.type_name == "string":
        yield from _strings(shape)
    elif shape.type_name in ("integer", "long"):
        yield from _numbers(shape, 1, _BOUNDARIES)
    elif shape.type_name in ("double", "float"):
        yield from _numbers(shape, 0.001, (-1.0, 0.0, 1e308))
    elif shape.type_name == "boolean":
        yield from (True, False)
    elif shape.type_name == "timestamp":
        yield from (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
    else:
        yield from (b"", b"\xff\x00", b"PK\x03\x04" + b"x" * 100)


def _lists(shape: ListShape, plain: Mapping[str, Any], depth: int) -> Iterator[Any]:
    element = fine(shape.member, plain, "", depth + 1)
    for count in _counts(shape, 60):
        yield [element] * count
    if depth < _DEPTH_MAX:
        if isinstance(shape.member, StructureShape):
            for path, value in _structure(shape.member, (), plain, depth + 2):
                yield [placed(element, path, value)]
        else:
            for value in _values(shape.member, plain, depth + 1):
                yield [value]


def _maps(shape: MapShape, plain: Mapping[str, Any], depth: int) -> Iterator[Any]:
    key, value = fine(shape.key, plain, "", depth + 1), fine(shape.value, plain, "", depth + 1)
    yield {}
    for count in _counts(shape, 60):
        yield {f"{key}{number}": value for number in range(count)}
    for other in _values(shape.key, plain, depth + 1):
        yield {other: value}
    if not isinstance(shape.value, StructureShape):
        for other in _values(shape.value, plain, depth + 1):
            yield {key: other}


def _strings(shape: Shape) -> Iterator[str]:
    metadata = shape.metadata
    location = shape.serialization.get("location")
    longest = _IN_HEAD_MAX if location else _IN_BODY_MAX
    for length in _counts(shape, 300):
        # With nothing in its place, a path is that of another operation, or of none.
        if (location == "uri") <= length <= longest:
            yield from _matching(shape, length)
            yield "a" * length
    yield from (text for text in _UNUSUAL if location is None or text.isprintable())
    for name in metadata.get("enum", ())[:3]:
        yield from (name, name.swapcase())


def _matching(shape: Shape, length: int) -> Iterator[str]:
    """Texts of *length* that hold the shape's pattern, where simple ones do."""
    pattern = shape.metadata.get("pattern")
    if pattern is None:
        return
    for seed in _SEEDS:
        text = seed + seed[-1] * max(0, length - len(seed))
        if matcher(pattern).fullmatch(text):
            yield text


def _counts(shape: Shape, unbounded: int) -> list[int]:
    least, most = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", unbounded))
    return sorted({count for count in (least - 1, least, most, most + 1) if count >= 0})


def _numbers(shape: Shape, step: float, boundaries: tuple[float, ...]) -> Iterator[float]:
    for name, direction in (("min", -step), ("max", step)):
        bound = shape.metadata.get(name)
        if bound is not None:
            yield from (bound, bound + direction)
    yield from boundaries
