"""Archives of what is run: of folders as they are now, mostly uncompressed, because nobody keeps them."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lamina.workshop.artifacts import Artifact, Entry, Kind, Role
from lamina.workshop.sources import SourceError

# What lies in a project's folder, and in no function's archive.
_NEVER: Final = frozenset((".git", ".hg", ".svn", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"))
_VIRTUAL_ENVIRONMENT: Final = "pyvenv.cfg"
# Of everything in the archive, so that what has not changed is the same archive.
_TIME: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Added:
    """A file to put below an artifact's own: where that has one of the same path, it wins."""

    content: bytes
    mode: int = 0o644


_NOTHING: Final[Mapping[str, Added]] = {}


def packed(artifact: Artifact, below: Mapping[str, Added] = _NOTHING, *, compressed: bool = False) -> bytes:
    """The archive of *artifact*, and of the files *below* it, by their paths. Raises SourceError."""
    check_archivable(artifact)
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    buffer = io.BytesIO()
    paths = set()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for entry in carried(artifact):
            paths.add(entry.path)
            _write(archive, entry, b"" if entry.kind is not Kind.FILE else artifact.read(entry.path))
        for path, added in below.items():
            if path not in paths:
                _write(archive, Entry(path, Kind.FILE, len(added.content), added.mode), added.content)
    return buffer.getvalue()


def check_archivable(artifact: Artifact) -> None:
    """Raise SourceError if the archive of *artifact* would have to hold what none can."""
    belongs = _belonging(artifact)
    strange = next((path for path in artifact.strange if belongs(path)), None)
    if strange is not None:
        raise SourceError(
            f"{artifact.name}/{strange} is a device, a pipe or a socket", "No archive can hold it: remove it."
        )


def carried(artifact: Artifact) -> tuple[Entry, ...]:
    """What of *artifact* is run: all of a layer; of a function's folder not version control, caches and virtual
    environments, which lie there when the folder is a project's.
    """
    belongs = _belonging(artifact)
    return tuple(entry for entry in artifact.entries if belongs(entry.path))


def _belonging(artifact: Artifact) -> Callable[[str], bool]:
    """Whether a path in *artifact* is one of what is run."""
    if artifact.role is Role.LAYER or artifact.digest is not None:
        return lambda _: True
    environments = tuple(
        entry.path.removesuffix(_VIRTUAL_ENVIRONMENT)
        for entry in artifact.entries
        if entry.name == _VIRTUAL_ENVIRONMENT and "/" in entry.path
    )
    return lambda path: _NEVER.isdisjoint(path.split("/")) and not f"{path}/".startswith(environments)


def _write(archive: zipfile.ZipFile, entry: Entry, content: bytes) -> None:
    info = zipfile.ZipInfo(entry.path + ("/" if entry.kind is Kind.FOLDER else ""), _TIME)
    info.create_system = 3  # Unix, whose modes the next line has
    kind = {Kind.FILE: stat.S_IFREG, Kind.FOLDER: stat.S_IFDIR, Kind.LINK: stat.S_IFLNK}[entry.kind]
    info.external_attr = (kind | entry.mode) << 16
    info.compress_type = archive.compression
    archive.writestr(info, (entry.target or "").encode("utf-8", "surrogateescape") or content)
