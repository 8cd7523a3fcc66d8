"""Frozen dataclasses as JSON documents, and back: plans and journals are kept so, and `--json` prints them so.

A document has one member for each field, under the field's name. Reading is strict, for a plan decides what happens to
functions: an unknown member, a missing one or a value of another type is a DocumentError that says where.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

# The member that says which class of a union a document is of.
KIND = "kind"


class DocumentError(ValueError):
    """The document is not what it should be; the message begins with the place in it."""


def write(value: Any) -> Any:
    """*value* as what `json.dumps` takes."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: write(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [write(each) for each in value]
    if isinstance(value, Mapping):
        return {name: write(each) for name, each in value.items()}
    return value


def read(kind: type[T], document: Any, at: str = "") -> T:
    """The *kind* that *document*, from `json.loads`, describes. Raises DocumentError."""
    value: T = _read(kind, document, at or kind.__name__)
    return value


def _read(hint: Any, document: Any, at: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _read_union(get_args(hint), document, at)
    if origin is Literal:
        return _read_literal(get_args(hint), document, at)
    if origin is tuple:
        return _read_tuple(get_args(hint), document, at)
    if origin is Mapping:
        inner = get_args(hint)[1]
        return {name: _read(inner, each, f"{at}.{name}") for name, each in _object(document, at).items()}
    if is_dataclass(hint):
        return _read_dataclass(hint, document, at)
    if isinstance(hint, type) and issubclass(hint, Enum):
        try:
            return hint(document)
        except ValueError:
            raise DocumentError(f"{at}: {document!r} is not one of {', '.join(hint)}") from None
    if hint is float and type(document) is int:
        return float(document)
    if hint is Any or type(document) is hint:
        return document
    raise DocumentError(f"{at}: {document!r} is no {hint.__name__}")


def _read_union(hints: tuple[Any, ...], document: Any, at: str) -> Any:
    if document is None and type(None) in hints:
        return None
    choices = [hint for hint in hints if hint is not type(None)]
    if len(choices) == 1:
        return _read(choices[0], document, at)
    # Of several classes each has a `kind`, and its own default of it.
    kind = _object(document, at).get(KIND)
    for choice in choices:
        if any(field.name == KIND and field.default == kind for field in fields(choice)):
            return _read(choice, document, at)
    raise DocumentError(f"{at}.{KIND}: {kind!r} is unknown")


def _read_literal(choices: tuple[Any, ...], document: Any, at: str) -> Any:
    if document not in choices:
        raise DocumentError(f"{at}: {document!r} is not {' or '.join(map(repr, choices))}")
    return document


def _read_tuple(hints: tuple[Any, ...], document: Any, at: str) -> tuple[Any, ...]:
    if not isinstance(document, list):
        raise DocumentError(f"{at}: {document!r} is no list")
    if len(hints) == 2 and hints[1] is Ellipsis:
        return tuple(_read(hints[0], each, f"{at}[{index}]") for index, each in enumerate(document))
    if len(document) != len(hints):
        raise DocumentError(f"{at}: {len(document)} values in place of {len(hints)}")
    return tuple(
        _read(hint, each, f"{at}[{index}]") for index, (hint, each) in enumerate(zip(hints, document, strict=True))
    )


def _read_dataclass(hint: Any, document: Any, at: str) -> Any:
    members = _object(document, at)
    hints = _hints(hint)
    if unknown := members.keys() - hints.keys():
        raise DocumentError(f"{at}: {min(unknown)} is unknown")
    if missing := hints.keys() - members.keys():
        raise DocumentError(f"{at}: {min(missing)} is missing")
    return hint(**{name: _read(of, members[name], f"{at}.{name}") for name, of in hints.items()})


def _object(document: Any, at: str) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise DocumentError(f"{at}: {document!r} is no object")
    return document


@cache
def _hints(hint: Any) -> Mapping[str, Any]:
    return get_type_hints(hint)
