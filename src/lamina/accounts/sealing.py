"""The secret that a server seals sessions with: made once, for its owner alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_BYTES: Final = 32


def obtain(path: Path) -> bytes:
    """The secret in the file at *path*, which is made where there is none. Raises OSError.

    One of another length was cut short, or is nobody's, and another takes its place: sessions end with it.
    """
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        found = b""
    return found if len(found) == _BYTES else _made(path)


def _made(path: Path) -> bytes:
    secret = os.urandom(_BYTES)
    aside = path.with_name(f".{path.name}")
    # What there is of that name is of a server that was killed; one at a time uses the folder.
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return secret
