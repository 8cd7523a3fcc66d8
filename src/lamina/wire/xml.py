"""Outputs as XML, by the model: what the query protocol answers with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lamina.wire.model import ListShape, MapShape, Shape, StructureShape
from lamina.wire.printing import to_text
from lamina.wire.timestamps import ISO8601

# XML 1.0 has no way to write these, not even escaped.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A bare carriage return would be read back as a line feed. (xml.sax has this, and comes with a client for HTTP.)
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


def escaped(text: str) -> str:
    """*text* as it stands inside an element; what XML cannot hold is a replacement character."""
    return _UNWRITABLE.sub("\ufffd", text).translate(_ESCAPES)


def element(name: str, shape: Shape, value: Any) -> str:
    """*value* of *shape* as the element *name*; KeyError or TypeError for what the model does not describe."""
    if isinstance(shape, ListShape) and shape.traits.get("flattened"):
        return "".join(element(_name(shape.member, name), shape.member, held) for held in value)
    return f"<{name}>{_content(shape, value)}</{name}>"


def _content(shape: Shape, value: Any) -> str:
    if isinstance(shape, StructureShape):
        if not isinstance(value, Mapping):
            raise TypeError(f"{shape.name} takes a mapping, not {type(value).__name__}")
        members = shape.members
        return "".join(
            element(_name(members[name], name), members[name], held) for name, held in value.items() if held is not None
        )
    if isinstance(shape, ListShape):
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"{shape.name} takes a list, not {type(value).__name__}")
        return "".join(element(_name(shape.member, "member"), shape.member, held) for held in value)
    if isinstance(shape, MapShape):
        key, held = _name(shape.key, "key"), _name(shape.value, "value")
        entries = (element(key, shape.key, one) + element(held, shape.value, other) for one, other in value.items())
        return "".join(f"<entry>{entry}</entry>" for entry in entries)
    return escaped(to_text(shape, value, ISO8601))


def _name(shape: Shape, default: str) -> str:
    return str(shape.traits.get("locationName", default))
