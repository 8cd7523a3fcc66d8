"""Hold an input to the model's constraints and say what is wrong in AWS's words.

The sentences, how values are printed in them and what is listed together are recorded facts (api §1.3, layers §2-4).
Not recorded, and inferred here: on one member length comes before pattern before enum; members are told in the
model's order; a member inside a list of structures is at `list.1.member.name`, as other AWS services write it;
values the model calls sensitive are left out (`Value at 'environment.variables' failed …`, as users report it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from lamina.wire.deviations import Deviations
from lamina.wire.model import ListShape, MapShape, Shape, StructureShape
from lamina.wire.patterns import matcher

_LENGTH = "length"
_VALUE = "value"
_NOT_NULL = "Member must not be null"
_NUMBERS = frozenset({"integer", "long", "short", "byte", "float", "double"})
_NESTED = frozenset({"structure", "list", "map"})


class Checker:
    """The constraints of one operation's input; keep it, it remembers what it has read of the model."""

    def __init__(self, operation: str, shape: StructureShape, deviations: Deviations) -> None:
        self._operation, self._shape, self._deviations = operation, shape, deviations
        self._scalars: dict[str, _Scalar] = {}
        last = deviations.member_order.get(operation, ())
        self._order = [name for name in shape.members if name not in last]
        self._order += [name for name in last if name in shape.members]

    def violations(self, params: Mapping[str, Any]) -> list[str]:
        """One sentence per violated constraint, in the order AWS would give them; empty when all hold."""
        return list(self._structure(self._shape, params, "", self._order))

    def _structure(
        self, shape: StructureShape, value: Mapping[str, Any], prefix: str, order: Iterable[str] | None = None
    ) -> Iterator[str]:
        members = shape.members
        for name in members if order is None else order:
            held = value.get(name)
            if held is not None:
                yield from self._check(members[name], held, prefix + _lower_camel(name))
            elif name in shape.required_members:
                yield f"Value null at '{prefix}{_lower_camel(name)}' failed to satisfy constraint: {_NOT_NULL}"

    def _check(self, shape: Shape, value: Any, path: str) -> Iterator[str]:
        if isinstance(shape, StructureShape):
            if not shape.traits.get("document"):
                yield from self._structure(shape, value, path + ".")
            return
        scalar = self._scalar(shape)
        for constraint in scalar.violated(value):
            yield _sentence(shape, value, path, constraint)
        if isinstance(shape, ListShape):
            yield from self._elements(shape, value, path)
        elif isinstance(shape, MapShape):
            yield from self._entries(shape, value, path)

    def _elements(self, shape: ListShape, value: list[Any], path: str) -> Iterator[str]:
        element = shape.member
        if any(held is None or self._breaks(element, held) for held in value):
            listed = self._listed(shape, element)
            if shape.name in self._deviations.bare_elements and None not in value:
                yield _sentence(shape, value, path, self._scalar(element).all[0])
            else:
                yield _sentence(shape, value, path, f"Member must satisfy constraint: [{listed}]")
        elif element.type_name in _NESTED:
            for number, held in enumerate(value, 1):
                yield from self._check(element, held, f"{path}.{number}.member")

    def _entries(self, shape: MapShape, value: Mapping[str, Any], path: str) -> Iterator[str]:
        if any(self._breaks(shape.key, key) for key in value):
            listed = ", ".join(self._scalar(shape.key).all)
            yield _sentence(shape, value, path, f"Map keys must satisfy constraint: [{listed}]")
        if any(held is None or self._breaks(shape.value, held) for held in value.values()):
            listed = self._listed(shape, shape.value)
            yield _sentence(shape, value, path, f"Map value must satisfy constraint: [{listed}]")
        elif shape.value.type_name in _NESTED:
            for key, held in value.items():
                yield from self._check(shape.value, held, f"{path}.{key}.member")

    def _breaks(self, element: Shape, value: Any) -> bool:
        """Whether a scalar *element* violates anything; what is nested tells its own failures."""
        return element.type_name not in _NESTED and any(self._scalar(element).violated(value))

    def _listed(self, container: Shape, element: Shape) -> str:
        constraints = list(self._scalar(element).all) if element.type_name not in _NESTED else []
        if container.name not in self._deviations.nullable or not constraints:
            constraints.append(_NOT_NULL)
        return ", ".join(constraints)

    def _scalar(self, shape: Shape) -> _Scalar:
        known = self._scalars.get(shape.name)
        if known is None:
            known = self._scalars[shape.name] = _Scalar(shape, self._operation, self._deviations)
        return known


class _Scalar:
    """The constraints of a shape on itself: bounds, pattern, enum. `all` has their sentences, max before min."""

    __slots__ = ("_tests", "all")

    def __init__(self, shape: Shape, operation: str, deviations: Deviations) -> None:
        self._tests: list[tuple[str, Callable[[Any], bool]]] = []
        traits = shape.traits
        number = shape.type_name in _NUMBERS
        measure, noun = (_itself, _VALUE) if number else (len, _LENGTH)
        real = shape.type_name in ("float", "double")
        for bound, holds, words in (("max", _at_most, "less"), ("min", _at_least, "greater")):
            if bound in traits:
                limit = float(traits[bound]) if real else int(traits[bound])
                self._tests.append((f"Member must have {noun} {words} than or equal to {limit}", holds(measure, limit)))
        if shape.type_name == "string":
            self._add_pattern(traits.get("pattern"), deviations.patterns.get(shape.name))
            printed = deviations.enums.get((operation, shape.name)) or deviations.enums.get(("", shape.name))
            self._add_enum(traits.get("enum"), printed, checked_later=_is_checked_later(shape, operation, deviations))
        self.all = tuple(text for text, _ in self._tests)

    def violated(self, value: Any) -> Iterator[str]:
        return (text for text, holds in self._tests if not holds(value))

    def _add_pattern(self, pattern: str | None, printed: str | None) -> None:
        if pattern:
            accepted = (pattern,) if printed is None else (pattern, printed)
            text = f"Member must satisfy regular expression pattern: {printed or pattern}"
            self._tests.append((text, lambda value: any(matcher(one).fullmatch(value) for one in accepted)))

    def _add_enum(self, names: list[str] | None, printed: tuple[str, ...] | None, *, checked_later: bool) -> None:
        if names and not checked_later:
            accepted = frozenset(names).union(printed or ())
            text = f"Member must satisfy enum value set: [{', '.join(printed or names)}]"
            self._tests.append((text, accepted.__contains__))


def _is_checked_later(shape: Shape, operation: str, deviations: Deviations) -> bool:
    return shape.name == "Runtime" and operation in deviations.second_look


def _itself(value: Any) -> Any:
    return value


def _at_most(measure: Callable[[Any], Any], limit: float) -> Callable[[Any], bool]:
    return lambda value: bool(measure(value) <= limit)


def _at_least(measure: Callable[[Any], Any], limit: float) -> Callable[[Any], bool]:
    return lambda value: bool(measure(value) >= limit)


def _sentence(shape: Shape, value: Any, path: str, constraint: str) -> str:
    shown = "" if _is_sensitive(shape) else f" '{_printed(shape, value)}'"
    return f"Value{shown} at '{path}' failed to satisfy constraint: {constraint}"


def _is_sensitive(shape: Shape) -> bool:
    if shape.traits.get("sensitive"):
        return True
    if isinstance(shape, ListShape):
        return _is_sensitive(shape.member)
    return isinstance(shape, MapShape) and (_is_sensitive(shape.key) or _is_sensitive(shape.value))


def _printed(shape: Shape, value: Any) -> str:
    """*value* as Java's toString shows it, which is what AWS puts between the quotes."""
    if value is None:
        return "null"
    if isinstance(shape, ListShape):
        return f"[{', '.join(_printed(shape.member, held) for held in value)}]"
    if isinstance(shape, MapShape):
        return f"{{{', '.join(f'{key}={_printed(shape.value, held)}' for key, held in value.items())}}}"
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        members = (f"{_lower_camel(name)}={_printed(shape.members[name], held)}" for name, held in value.items())
        return f"{shape.name}({', '.join(members)})"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    return str(value)


def _lower_camel(name: str) -> str:
    return name[:1].lower() + name[1:]
