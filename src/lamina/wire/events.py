"""Event stream messages (`application/vnd.amazon.eventstream`), the body of InvokeWithResponseStream's answer.

One message: total length, headers length and a CRC-32 of the two (12 bytes, big-endian), the headers, the payload, and
a CRC-32 of all before it. A header: length of its name, name, type (7 is a string), length of its value, value.
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import AsyncIterable, Mapping
from typing import Any

from lamina.wire.model import Shape, StructureShape
from lamina.wire.printing import json_bytes, to_json

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_STRING = 7


class EncodedEvents:
    """The messages for *events*, each as soon as there is one."""

    def __init__(self, stream: StructureShape, events: AsyncIterable[Mapping[str, Any]]) -> None:
        self._stream = stream
        self._events = aiter(events)

    def __aiter__(self) -> EncodedEvents:
        return self

    async def __anext__(self) -> bytes:
        return encode_event(self._stream, await anext(self._events))

    async def aclose(self) -> None:
        """No more is wanted: *events* are told so, where they can be."""
        # Not by way of a generator: one that was never begun would not pass it on.
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await close()


def encode_event(stream: StructureShape, event: Mapping[str, Any]) -> bytes:
    """The message for one *event*, a mapping of one member of *stream* (`{"PayloadChunk": {"Payload": b"…"}}`)."""
    ((name, value),) = event.items()
    shape = stream.members[name]
    assert isinstance(shape, StructureShape)
    media_type, payload = _payload(shape, value)
    headers = {":message-type": "event", ":event-type": name} | ({":content-type": media_type} if media_type else {})
    for member_name, member in shape.members.items():
        if member.traits.get("eventheader") and member_name in value:
            headers[member_name] = str(value[member_name])
    return encode_message(headers, payload)


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with string *headers* (names below 256 bytes) and *payload*."""
    head = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    prelude = struct.pack(">II", 12 + len(head) + len(payload) + 4, len(head))
    message = prelude + struct.pack(">I", crc32(prelude)) + head + payload
    return message + struct.pack(">I", crc32(message))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name + struct.pack(">BH", _STRING, len(value)) + value


def _payload(shape: StructureShape, value: Mapping[str, Any]) -> tuple[str, bytes]:
    for name, member in shape.members.items():
        if member.traits.get("eventpayload"):
            return _event_payload(member, value.get(name))
    held = {name: member for name, member in shape.members.items() if not member.traits.get("eventheader")}
    if not held:
        return "", b""
    return "application/json", json_bytes(to_json(shape, {name: value[name] for name in held if name in value}))


def _event_payload(member: Shape, value: Any) -> tuple[str, bytes]:
    if member.type_name == "blob":
        return "application/octet-stream", bytes(value or b"")
    if member.type_name == "string":
        return "text/plain", str(value or "").encode()
    return "application/json", json_bytes(to_json(member, value or {}))
