"""From a method, a path and a query to the operation of the model.

The templates become one tree per method, walked segment by segment over the path *as sent*: a label may hold an ARN
whose slashes and colons arrive percent-encoded, so decoding comes after splitting. A literal segment beats a label,
a label beats a greedy label, and among operations of one template the one with more fixed query parameters wins
(`GET /2018-10-31/layers?find=LayerVersion` is GetLayerVersionByArn, without `find` it is ListLayers).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from lamina.wire.faults import UnknownOperation

Query = Mapping[str, list[str]]


class OperationLike(Protocol):
    """What routing reads of a botocore operation model."""

    @property
    def name(self) -> str: ...

    @property
    def http(self) -> Mapping[str, object]: ...


@dataclass(frozen=True, slots=True)
class Route:
    """One request, told apart: `uri` holds the decoded labels, `query` every decoded parameter in order."""

    operation: str
    uri: Mapping[str, str]
    query: Query


@dataclass(frozen=True, slots=True)
class _Target:
    operation: str
    labels: tuple[str, ...]
    fixed: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    label: _Node | None = None
    greedy: _Node | None = None
    targets: list[_Target] = field(default_factory=list)


class Router:
    """The routing tree of all *operations*; built once, read only."""

    def __init__(self, operations: Iterable[OperationLike]) -> None:
        self._methods: dict[str, _Node] = {}
        for operation in operations:
            self._add(operation.name, str(operation.http.get("method", "POST")), str(operation.http["requestUri"]))

    def route(self, method: str, raw_path: str, raw_query: str) -> Route:
        """The operation behind a request line; raises UnknownOperation."""
        query = parse_query(raw_query)
        segments = _segments(raw_path)
        root = self._methods.get(method)
        match = _match(root, segments, 0, (), query) if root is not None else None
        if match is None:
            raise UnknownOperation(f"The Lambda API has no operation {method} {raw_path}")
        target, values = match
        return Route(target.operation, dict(zip(target.labels, map(unquote, values), strict=True)), query)

    def _add(self, operation: str, method: str, template: str) -> None:
        parts = urlsplit(template)
        node = self._methods.setdefault(method, _Node())
        labels: list[str] = []
        for segment in _segments(parts.path):
            if not segment.startswith("{"):
                node = node.literals.setdefault(segment, _Node())
                continue
            name = segment[1:-1]
            if name.endswith("+"):
                node.greedy = node = node.greedy or _Node()
            else:
                node.label = node = node.label or _Node()
            labels.append(name.removesuffix("+"))
        fixed = tuple(parse_qsl(parts.query, keep_blank_values=True))
        node.targets.append(_Target(operation, tuple(labels), fixed))
        node.targets.sort(key=lambda target: -len(target.fixed))


def parse_query(raw_query: str) -> Query:
    """Every parameter of a query string, decoded, with its values in order; blank values are values."""
    query: dict[str, list[str]] = {}
    if raw_query:
        for key, value in parse_qsl(raw_query, keep_blank_values=True):
            query.setdefault(key, []).append(value)
    return query


def _segments(path: str) -> list[str]:
    # SDKs older than 2023 send ListFunctions and CreateFunction with a slash at the end; AWS takes both.
    trimmed = path[1:-1] if len(path) > 1 and path.endswith("/") else path[1:]
    return trimmed.split("/") if trimmed else []


def _match(
    node: _Node, segments: list[str], position: int, values: tuple[str, ...], query: Query
) -> tuple[_Target, tuple[str, ...]] | None:
    if position == len(segments):
        for target in node.targets:
            if all(wanted in query.get(key, ()) for key, wanted in target.fixed):
                return target, values
        return None
    segment = segments[position]
    if (literal := node.literals.get(segment)) is not None and (
        found := _match(literal, segments, position + 1, values, query)
    ):
        return found
    if node.label is not None and (found := _match(node.label, segments, position + 1, (*values, segment), query)):
        return found
    if node.greedy is not None:
        for end in range(len(segments), position, -1):
            taken = "/".join(segments[position:end])
            if found := _match(node.greedy, segments, end, (*values, taken), query):
                return found
    return None
