"""What a resource type has to offer, and what it is given to work with."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from lamina.names import Scope
from lamina.operations.stacks.answers import Answers
from lamina.stacks.stack import Resource

Properties = Mapping[str, Any]


class Failed(Exception):
    """A resource that cannot be made, changed or removed; the text is the reason that users are shown."""


class HalfMade(Exception):
    """A resource that is there under *physical_id*, though not all of it could be made; the cause says why."""

    def __init__(self, physical_id: str) -> None:
        super().__init__(physical_id)
        self.physical_id = physical_id


@contextlib.contextmanager
def half_made(physical_id: str) -> Iterator[None]:
    """Have whatever fails inside be known to have left something behind."""
    try:
        yield
    except Exception as error:
        raise HalfMade(physical_id) from error


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it: what Ref of the resource gives, and what Fn::GetAtt may ask for."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a resource is made: for which stack, under which logical id, with whose clients.

    `own` gives a client by the service's name, `companion` moto's, also of a service that is ours. `unique` is text
    that no other resource has, `asked` are the attributes that the template wants. `answers` is where functions tell
    what became of a custom resource, `endpoint` how the stack's owner reaches this server.
    """

    scope: Scope
    stack_name: str
    stack_id: str
    logical_id: str
    type: str
    tags: Mapping[str, str]
    unique: str
    asked: tuple[str, ...]
    own: Callable[[str], Any]
    companion: Callable[[str], Any]
    answers: Answers
    endpoint: str


class Kind(Protocol):
    """One resource type, or several of a family. Each method raises Failed, or an error of botocore's."""

    def make(self, site: Site, properties: Properties, /) -> Made:
        """Make one of *properties*."""

    def change(self, site: Site, before: Resource, properties: Properties, /) -> Made:
        """Have the one that is there, *before*, be of *properties*, of which none is fixed for the type."""

    def remove(self, site: Site, made: Resource, /) -> None:
        """See to it that it is not there; it may be gone already."""


class Fixed:
    """A type of which every property is fixed: what changes is replaced."""

    def change(self, _site: Site, before: Resource, _properties: Properties) -> Made:
        raise AssertionError(f"{before.type} is never changed")
