"""What the archive of a layer or a function holds, wherever it comes from: one value for every tool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from lamina.layers.archive import Kind
from lamina.names import Digest

__all__ = ["Artifact", "Entry", "Kind", "Role"]


class Role(StrEnum):
    """What an artifact is to a function: below /opt, or /var/task itself."""

    LAYER = "layer"
    FUNCTION = "function"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or link. `path` is relative, joined by single slashes; `size` is in bytes.

    `mode` is the twelve bits as the archive or the folder has them, also those that unpacking drops.
    `target` is what a link points to, None for the rest.
    """

    path: str
    kind: Kind
    size: int
    mode: int
    target: str | None = None

    @property
    def name(self) -> str:
        """The last component of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A layer, or a function's code. `name` is what the user called it.

    `entries` has every folder, also those that an archive only implies, sorted by path. `unzipped_bytes` is what the
    entries come to, as AWS counts. `zipped_bytes` and `digest` are those of the archive: None for a folder. `runtimes`
    and `architectures` are what the layer was published for, or what the function has; None when nobody said.
    `layers` are the ARNs of the function's layers, in its order. `strange` are the paths of a folder's devices, pipes
    and sockets, which are no entries, and which no archive can hold.
    """

    name: str
    role: Role
    entries: tuple[Entry, ...]
    unzipped_bytes: int
    reader: Callable[[str], bytes] = field(repr=False, compare=False)
    zipped_bytes: int | None = None
    digest: Digest | None = None
    arn: str | None = None
    runtimes: tuple[str, ...] | None = None
    architectures: tuple[str, ...] | None = None
    layers: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()

    def read(self, path: str) -> bytes:
        """The content of the file at *path*, checked against the archive's checksum; KeyError when there is none."""
        return self.reader(path)

    @property
    def code_sha256(self) -> str | None:
        """As the API shows it."""
        return None if self.digest is None else self.digest.base64

    @property
    def files(self) -> Iterator[Entry]:
        """The entries that are files, sorted by path."""
        return (entry for entry in self.entries if entry.kind is Kind.FILE)
