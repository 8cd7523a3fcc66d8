"""One layer for several runtimes and CPUs: which builds that takes, and how they become one. Pure but for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from lamina.workshop.building.inputs import Ecosystem
from lamina.workshop.building.pieces import Piece
from lamina.workshop.building.targets import Target
from lamina.workshop.errors import WorkshopError

Pieces = Sequence[Piece]

_DEFAULT_ARCHITECTURE: Final = "x86_64"
_LANGUAGES: Final = {Ecosystem.PYTHON: "Python", Ecosystem.NODE: "Node.js", Ecosystem.JAVA: "Java"}


def targets_of(
    ecosystem: Ecosystem, name: str, runtimes: Sequence[str], architectures: Sequence[str]
) -> tuple[Target, ...]:
    """What the packages of *ecosystem* have to be installed for, in a layer *name* of *runtimes* and *architectures*.

    Raises WorkshopError where none of *runtimes* speaks the language.
    """
    if ecosystem is Ecosystem.FOLDER:
        return (Target("provided", architectures[0] if architectures else _DEFAULT_ARCHITECTURE),)
    fitting = [runtime for runtime in runtimes if runtime.startswith(ecosystem)]
    if not fitting and runtimes:
        raise WorkshopError(
            f"the layer {name} is for {' and '.join(runtimes)}, and what it is built from is {_LANGUAGES[ecosystem]}"
        )
    if not fitting and ecosystem is Ecosystem.PYTHON:
        raise WorkshopError(
            f"for which Python is the layer {name}?",
            'Say --runtime python3.13, or runtimes = ["python3.13"] in the project file.',
            WorkshopError.USAGE,
        )
    # npm and Maven ask for no version of the language.
    if ecosystem is not Ecosystem.PYTHON:
        fitting = fitting[:1] or [ecosystem.value]
    # Jars are for every CPU.
    cpus = (architectures or (_DEFAULT_ARCHITECTURE,))[: 1 if ecosystem is Ecosystem.JAVA else None]
    return tuple(Target(runtime, cpu) for runtime in fitting for cpu in cpus)


def merge(variants: Mapping[Target, Pieces], name: str) -> list[Piece]:
    """One set of pieces that serves every target of *variants*.

    What is the same for all is there once. What differs between versions of Python goes to where each looks for itself,
    python/lib/python3.N/site-packages. Raises WorkshopError for what differs between CPUs: /opt has one place for both.
    """
    by_runtime: dict[str, Pieces] = {}
    for target, pieces in variants.items():
        before = by_runtime.setdefault(target.runtime, pieces)
        differing = _differing(before, pieces)
        if differing:
            raise WorkshopError(
                f"the layer {name} cannot serve two architectures: {', '.join(differing)} "
                f"{'is' if len(differing) == 1 else 'are'} compiled for one",
                'Make a layer for each, such as [layers.NAME-arm64] with architectures = ["arm64"].',
            )
    first, *others = by_runtime.values()
    if not any(_differing(first, other) for other in others):
        return list(first)
    return [
        replace(piece, path=f"python/lib/{runtime}/site-packages/{piece.path.removeprefix('python/')}")
        for runtime, pieces in by_runtime.items()
        for piece in pieces
    ]


def _differing(one: Pieces, other: Pieces) -> list[str]:
    """The names of the packages that are not the same in both, sorted."""
    if one is other:
        return []
    ones, others = ({piece.path: piece for piece in pieces} for pieces in (one, other))
    found = set()
    for path in ones.keys() | others.keys():
        a, b = ones.get(path), others.get(path)
        if a is None or b is None or not a.same_as(b):
            found.add(str((a or b or ones[path]).package.name))
    return sorted(found)
