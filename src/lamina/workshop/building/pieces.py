"""What a layer is built from: files and links, each with its place below /opt and the package that it came with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution of some registry, or what stands for one: a jar, a folder. `version` may be empty."""

    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version else self.name


@dataclass(frozen=True, slots=True)
class Piece:
    """One file or link. `path` is relative to /opt, joined by single slashes.

    The content is `data`, or that of the file at `source`; a link has a `target` and no content.
    """

    path: str
    package: Package
    source: Path | None = None
    data: bytes | None = None
    executable: bool = False
    target: str | None = None

    def read(self) -> bytes:
        """The content; of a link, its target as an archive holds it."""
        if self.target is not None:
            return self.target.encode("utf-8", "surrogateescape")
        return self.source.read_bytes() if self.data is None and self.source is not None else self.data or b""

    def holding(self, data: bytes) -> Piece:
        """This piece with other content."""
        return replace(self, data=data, source=None)

    def same_as(self, other: Piece) -> bool:
        """Whether both come to the same entry of an archive."""
        looks = (self.path, self.executable, self.target) == (other.path, other.executable, other.target)
        return looks and self.read() == other.read()
