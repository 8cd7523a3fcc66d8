"""The model as we read it is the model as botocore's own code reads it."""

from __future__ import annotations

from typing import Any

import botocore.model
import pytest
from botocore.loaders import Loader

from lamina.wire.model import ListShape, MapShape, Operation, ServiceModel, Shape, StructureShape

SERVICES = ("cloudformation", "lambda", "logs")
# botocore sorts what is said of a shape into two, and calls one of them otherwise.
_SAID = {*botocore.model.Shape.SERIALIZED_ATTRS, *botocore.model.Shape.METADATA_ATTRS}


def theirs(service: str) -> Any:
    return botocore.model.ServiceModel(Loader().load_service_model(service, "service-2"), service)


def same_shape(ours: Shape | None, other: Any, seen: set[str]) -> None:
    """Both in one place, and whatever is inside of them where that was not looked at yet."""
    if ours is None or other is None:
        assert ours is other
        return
    assert (ours.name, ours.type_name) == (other.name, other.type_name)
    said = {**other.serialization, **other.metadata}
    if "name" in said:
        said["locationName"] = said.pop("name")
    assert {trait: value for trait, value in ours.traits.items() if trait in _SAID} == said
    if ours.name in seen:
        return
    seen.add(ours.name)
    if isinstance(ours, StructureShape):
        assert list(ours.members) == list(other.members)
        assert ours.required_members == other.required_members
        for name, member in ours.members.items():
            same_shape(member, other.members[name], seen)
    elif isinstance(ours, ListShape):
        same_shape(ours.member, other.member, seen)
    elif isinstance(ours, MapShape):
        same_shape(ours.key, other.key, seen)
        same_shape(ours.value, other.value, seen)


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_and_shape_is_as_botocore_reads_it(service: str) -> None:
    ours, other = ServiceModel.load(service), theirs(service)
    assert ours.metadata == other.metadata
    assert list(ours.operations) == other.operation_names
    seen: set[str] = set()
    for name, operation in ours.operations.items():
        known = other.operation_model(name)
        assert operation.http == known.http
        same_shape(operation.input_shape, known.input_shape, seen)
        same_shape(operation.output_shape, known.output_shape, seen)
        assert codes(operation) == [shape.error_code for shape in known.error_shapes]
    assert len(seen) > 100


@pytest.mark.parametrize("service", SERVICES)
def test_an_error_is_found_by_its_code(service: str) -> None:
    ours = ServiceModel.load(service)
    for shape in theirs(service).error_shapes:
        same_shape(ours.error_shape(shape.error_code), shape, set())
    assert ours.error_shape("NoSuchError") is None


def test_what_botocore_does_not_know_is_no_service() -> None:
    with pytest.raises(FileNotFoundError):
        ServiceModel.load("no-such-service")


def codes(operation: Operation) -> list[str]:
    return [shape.error_code for shape in operation.error_shapes]
