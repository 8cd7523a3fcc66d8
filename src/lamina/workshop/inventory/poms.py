"""What a jar's pom.xml declares: licences and dependencies. Those of a parent elsewhere it does not say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.parsers import expat

_LICENCE: Final = ("project", "licenses", "license", "name")
_DEPENDENCY: Final = ("project", "dependencies", "dependency")


@dataclass(frozen=True, slots=True)
class Pom:
    """`licences` as named there; `requires` are "group:artifact" of what it needs to run."""

    licences: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()


class _Reader:
    def __init__(self) -> None:
        self.licences: list[str] = []
        self.dependencies: list[dict[str, str]] = []
        self._path: list[str] = []
        self._text = ""

    def start(self, name: str, _: dict[str, str]) -> None:
        self._path.append(name)
        self._text = ""
        if self._at(_DEPENDENCY):
            self.dependencies.append({})

    def text(self, data: str) -> None:
        self._text += data

    def end(self, name: str) -> None:
        if self._at(_LICENCE):
            self.licences.append(" ".join(self._text.split()))
        elif self._at((*_DEPENDENCY, name)):
            self.dependencies[-1][name] = self._text.strip()
        self._path.pop()
        self._text = ""

    def _at(self, path: tuple[str, ...]) -> bool:
        # The lengths first: a hostile file may be a hundred thousand elements deep.
        return len(self._path) == len(path) and tuple(self._path) == path


class _EntityDeclared(Exception):
    pass


def _refuse(*_: object) -> None:
    raise _EntityDeclared


def read(data: bytes) -> Pom:
    """The pom whose bytes are *data*; an empty one for what is not XML, or declares entities, which no pom needs."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.text
    parser.EndElementHandler = reader.end
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, _EntityDeclared, LookupError, ValueError):
        # The last two are for encodings that Python does not know, or that expat cannot have.
        return Pom()
    requires = [
        f"{found.get('groupId', '')}:{found.get('artifactId', '')}"
        for found in reader.dependencies
        if found.get("scope", "compile") in ("compile", "runtime") and found.get("optional") != "true"
    ]
    return Pom(tuple(reader.licences), tuple(requires))
