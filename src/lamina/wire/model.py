"""A service as botocore's model describes it: its operations, and the shapes of what goes in and comes out.

The files are botocore's. Its classes for them come with its whole client, an HTTP pool, mail, XML and calendars: 6 MB
and a tenth of a second in a server that sends nothing. Shapes are made as they are asked for.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# What the model's JSON says of one thing.
Described = Mapping[str, Any]


class Shape:
    """A type. `traits` is all that is said of it, and of the place it stands in, in the model's own words."""

    def __init__(self, name: str, traits: Described, shapes: _Shapes) -> None:
        self.name = name
        self.type_name = str(traits["type"])
        self.traits = traits
        self._shapes = shapes

    @property
    def error_code(self) -> str:
        """What an error of this shape is called."""
        return str(self.traits.get("error", {}).get("code") or self.name)


class StructureShape(Shape):
    """Members by name, in the model's order."""

    @cached_property
    def members(self) -> Mapping[str, Shape]:
        return {name: self._shapes.at(place) for name, place in self.traits.get("members", {}).items()}

    @property
    def required_members(self) -> list[str]:
        required: list[str] = self.traits.get("required", [])
        return required


class ListShape(Shape):
    """Elements of one shape."""

    @cached_property
    def member(self) -> Shape:
        return self._shapes.at(self.traits["member"])


class MapShape(Shape):
    """Keys of one shape, values of another."""

    @cached_property
    def key(self) -> Shape:
        return self._shapes.at(self.traits["key"])

    @cached_property
    def value(self) -> Shape:
        return self._shapes.at(self.traits["value"])


_KINDS: Mapping[str, type[Shape]] = {"structure": StructureShape, "list": ListShape, "map": MapShape}


class _Shapes:
    """The shapes of one service; one of which a place says nothing of its own is the same everywhere."""

    def __init__(self, described: Mapping[str, Described]) -> None:
        self._described = described
        self._known: dict[str, Shape] = {}

    def at(self, place: Described) -> Shape:
        """What stands in a *place*, which is named there, and may have more said of it."""
        name = place["shape"]
        if len(place) > 1:
            return self._make(name, {**self._described[name], **place})
        return self._known.get(name) or self._known.setdefault(name, self._make(name, self._described[name]))

    @cached_property
    def of_errors(self) -> Mapping[str, Shape]:
        """Those of errors, by what the errors are called."""
        errors = (self.at({"shape": name}) for name, traits in self._described.items() if traits.get("exception"))
        return {shape.error_code: shape for shape in errors}

    def _make(self, name: str, traits: Described) -> Shape:
        return _KINDS.get(traits["type"], Shape)(name, traits, self)


class Operation:
    """One operation. `http` tells its method, its path and the status of its success."""

    def __init__(self, name: str, described: Described, shapes: _Shapes) -> None:
        self.name = name
        self.http: Mapping[str, Any] = described.get("http", {})
        self._described, self._shapes = described, shapes

    @cached_property
    def input_shape(self) -> Shape | None:
        return self._at("input")

    @cached_property
    def output_shape(self) -> Shape | None:
        return self._at("output")

    @property
    def error_shapes(self) -> list[Shape]:
        return [self._shapes.at(place) for place in self._described.get("errors", ())]

    def _at(self, name: str) -> Shape | None:
        place = self._described.get(name)
        return None if place is None else self._shapes.at(place)


class ServiceModel:
    """One service, from the JSON of its model."""

    def __init__(self, described: Described) -> None:
        self._shapes = _Shapes(described.get("shapes", {}))
        self.metadata: Described = described["metadata"]
        self.operations: Mapping[str, Operation] = {
            name: Operation(name, operation, self._shapes) for name, operation in described["operations"].items()
        }

    @classmethod
    def load(cls, service: str) -> ServiceModel:
        """The model of *service* that is newest in the installed botocore, without its documentation.

        Raises FileNotFoundError where it has none.
        """
        found = find_spec("botocore")
        assert found is not None, "it is one of our dependencies"
        assert found.origin is not None, "it has files"
        versions = (Path(found.origin).parent / "data" / service).glob("*/service-2.json*")
        newest = max(versions, default=None)
        if newest is None:
            raise FileNotFoundError(f"botocore has no model of {service}")
        with gzip.open(newest) if newest.suffix == ".gz" else newest.open("rb") as file:
            return cls(json.load(file, object_hook=_Leaning()))

    def error_shape(self, code: str) -> StructureShape | None:
        """The shape of the error that is called *code*; None where the model has none."""
        shape = self._shapes.of_errors.get(code)
        return shape if isinstance(shape, StructureShape) else None


class _Leaning:
    """Leaves out of a model what is for people, half of it, and has places of which nothing is said be one object."""

    def __init__(self) -> None:
        self._bare: dict[str, Described] = {}

    def __call__(self, read: dict[str, Any]) -> Described:
        # A member may be called so, too; it is no text then.
        if isinstance(read.get("documentation"), str):
            del read["documentation"]
        if len(read) == 1 and isinstance(name := read.get("shape"), str):
            return self._bare.setdefault(name, read)
        return read
