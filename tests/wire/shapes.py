"""Hypothesis strategies that make any valid value of a shape of the model, as botocore's client would be given it."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
from hypothesis import strategies as st

from lamina.wire.patterns import matcher

_DEPTH_MAX = 5
_PRINTABLE = string.ascii_letters + string.digits + string.punctuation


@st.composite
def members(draw: st.DrawFn, shape: StructureShape, depth: int = 0) -> dict[str, Any]:
    """A valid structure: every required member and any of the others."""
    chosen = {}
    for name, member in shape.members.items():
        if name in shape.required_members or (depth < _DEPTH_MAX and draw(st.booleans())):
            chosen[name] = draw(values(member, depth + 1))
    return chosen


def values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Valid values of *shape*."""
    if isinstance(shape, StructureShape):
        return members(shape, depth)
    least, most = _bounds(shape)
    if isinstance(shape, ListShape):
        # An empty list in a query string, and an empty map in the headers, leave no trace.
        least = max(least, 1) if shape.serialization.get("location") else least
        return st.lists(values(shape.member, depth + 1), min_size=least, max_size=min(most, least + 3))
    if isinstance(shape, MapShape):
        entries = st.dictionaries(values(shape.key, depth + 1), values(shape.value, depth + 1), max_size=min(most, 3))
        return entries.filter(lambda made: len(made) >= least)
    if shape.type_name == "string":
        return _strings(shape, least, most)
    if shape.type_name == "blob":
        # An empty payload and none are the same request.
        return st.binary(min_size=max(least, 1), max_size=min(most, 200))
    made: st.SearchStrategy[Any] = _SIMPLE[shape.type_name](shape)
    return made


def _strings(shape: Shape, least: int, most: int) -> st.SearchStrategy[str]:
    metadata = shape.metadata
    if "enum" in metadata:
        return st.sampled_from(metadata["enum"])
    if "pattern" in metadata:
        return _matching(metadata["pattern"], least, most)
    if shape.serialization.get("location") == "header":
        return st.text(_PRINTABLE, min_size=least, max_size=min(most, 60))
    if shape.serialization.get("location") == "uri":
        least = max(least, 1)
    return st.text(min_size=least, max_size=min(most, max(least, 60)))


@cache
def _matching(pattern: str, least: int, most: int) -> st.SearchStrategy[str]:
    # Whole Unicode categories make hypothesis crawl; a few letters of them do.
    some = pattern.replace("\\p{L}", "a-zéλ字").replace("\\p{Z}", " \u00a0").replace("\\p{N}", "0-9٣")
    made = st.from_regex(matcher(some), fullmatch=True)
    return made.filter(lambda text: least <= len(text) <= most)


def _bounds(shape: Shape) -> tuple[int, int]:
    return int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 10_000))


def _integers(smallest: int, largest: int) -> Any:
    def make(shape: Shape) -> st.SearchStrategy[int]:
        if shape.serialization.get("location") == "statusCode":
            return st.integers(200, 299)
        return st.integers(shape.metadata.get("min", smallest), shape.metadata.get("max", largest))

    return make


def _floats(shape: Shape) -> st.SearchStrategy[float]:
    bounds = {f"{name}_value": shape.metadata[name] for name in ("min", "max") if name in shape.metadata}
    return st.floats(**bounds, allow_nan=False, allow_infinity=False)


def _timestamps(_shape: Shape) -> st.SearchStrategy[datetime]:
    # botocore sends whole seconds.
    return st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


_SIMPLE: dict[str, Any] = {
    "integer": _integers(-(2**31), 2**31 - 1),
    "long": _integers(-(2**63), 2**63 - 1),
    "double": _floats,
    "float": _floats,
    "boolean": lambda _shape: st.booleans(),
    "timestamp": _timestamps,
}
