"""Requests read before: of an operation whose body is a payload that nobody looks into, two that have the same line and
the same headers differ in that payload only. So Invoke, which is asked for more often than all the rest, is routed,
parsed and checked once for each way of asking for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lamina.wire.model import Operation, StructureShape

_REMEMBERED_MAX: Final = 1024
# Of a line or of a header: what is longer is not worth its place.
_TEXT_CHARACTERS_MAX: Final = 256

# Method, path and query as sent, then the headers that hold members.
Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    operation: str
    members: Mapping[str, Any]
    payload: str


class Recall:
    """What requests of *operations* were read as. Safe to use from any thread."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._payloads: dict[str, str] = {}
        headers: set[str] = set()
        for operation in operations:
            shape = operation.input_shape
            if isinstance(shape, StructureShape) and (payload := _opaque_payload(shape)) is not None:
                self._payloads[operation.name] = payload
                headers.update(_header_names(shape))
        self._headers = tuple(sorted(headers))
        self._known: dict[Key, _Read] = {}
        # Finding needs none.
        self._lock = threading.Lock()

    def find(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[str, dict[str, Any]] | None:
        """The operation and the input that such a request was read as before, with *body*; None if it was not."""
        found = self._known.get((method, path, query, *map(headers.get, self._headers)))
        if found is None or not body:
            return None
        return found.operation, {**found.members, found.payload: body}

    def keep(
        self, method: str, path: str, query: str, headers: Mapping[str, str], operation: str, params: Mapping[str, Any]
    ) -> None:
        """Remember a request that was read as *operation* and *params*, if another may be read like it."""
        payload = self._payloads.get(operation)
        if payload is None or payload not in params:
            return
        if not all(isinstance(value, str) for name, value in params.items() if name != payload):
            # Whoever is given it might change it.
            return
        key = (method, path, query, *map(headers.get, self._headers))
        if any(text is not None and len(text) > _TEXT_CHARACTERS_MAX for text in key):
            return
        read = _Read(operation, {name: params[name] for name in params if name != payload}, payload)
        with self._lock:
            if len(self._known) >= _REMEMBERED_MAX:
                del self._known[next(iter(self._known))]
            self._known[key] = read


def _opaque_payload(shape: StructureShape) -> str | None:
    """The member that takes the body as it is, whatever it is; None where there is none, or another kind."""
    payload = shape.traits.get("payload")
    if payload is None:
        return None
    member = shape.members[payload]
    bounded = any(bound in member.traits for bound in ("min", "max"))
    maps = any(member.traits.get("location") == "headers" for member in shape.members.values())
    return str(payload) if member.type_name == "blob" and not bounded and not maps else None


def _header_names(shape: StructureShape) -> list[str]:
    located = ((name, member.traits) for name, member in shape.members.items())
    return [str(held.get("locationName", name)).lower() for name, held in located if held.get("location") == "header"]
