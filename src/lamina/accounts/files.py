"""The accounts file on disk: for its owner alone, changed as a whole or not at all, read again once it has changed.

docs/formats/accounts.md has the format.
"""

from __future__ import annotations

import fcntl
import logging
import os
import stat
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lamina.accounts.register import BadAccounts, Register

_log = logging.getLogger(__name__)

_BYTES_MAX: Final = 16 * 1024 * 1024
# Of two looks that see the same of these, the second need not read.
_Seen = tuple[int, int, int, int]


class AccountsFile:
    """What the file at *path* says, now: each look at `register` costs one question to the kernel.

    Raises BadAccounts when it cannot be read at first. Later what was read last stays in force, and the log tells why.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen, self._register = _read(path)

    @property
    def register(self) -> Register:
        try:
            if _looked(os.stat(self._path)) == self._seen:
                return self._register
        except OSError:
            pass
        self._read_again()
        return self._register

    def _read_again(self) -> None:
        try:
            self._seen, self._register = _read(self._path)
        except BadAccounts as error:
            seen = _look(self._path)
            # Told once for each state of the file that is not good.
            if seen != self._seen:
                _log.error("%s; the accounts that were read before stay in force", error)
                self._seen = seen


def read(path: Path) -> Register:
    """The accounts in the file at *path*. Raises BadAccounts."""
    return _read(path)[1]


def update(path: Path, change: Callable[[Register], Register]) -> Register:
    """Have what *change* makes of the accounts at *path*, or of none where there is no file yet, in their place.

    One after the other, whoever else does the same. Raises BadAccounts, also what *change* raises, and OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        before = read(path) if path.exists() else Register()
        after = change(before)
        _write(path, after.printed().encode())
        os.fsync(folder)
        return after
    finally:
        os.close(folder)


def _write(path: Path, data: bytes) -> None:
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    # One at a time comes here: what there is of that name is of somebody who was killed, and has secrets in it.
    for left in [name for name in os.listdir(path.parent) if name.startswith(f".{path.name}.")]:
        path.with_name(left).unlink()
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _read(path: Path) -> tuple[_Seen, Register]:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            data = file.read(_BYTES_MAX + 1)
    except OSError as error:
        raise BadAccounts(f"the accounts file {path} cannot be read: {error.strerror}") from error
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadAccounts(
            f"the accounts file {path} is open to others than its owner: its mode is {stat.S_IMODE(found.st_mode):04o}",
            f"It holds secrets: chmod 600 {path}",
        )
    try:
        if len(data) > _BYTES_MAX:
            raise BadAccounts(f"it is longer than {_BYTES_MAX} bytes")
        return _looked(found), Register.parse(data.decode())
    except UnicodeDecodeError:
        raise BadAccounts(f"the accounts file {path} is wrong: it is no UTF-8") from None
    except BadAccounts as error:
        raise BadAccounts(f"the accounts file {path} is wrong: {error}", error.hint) from None


def _look(path: Path) -> _Seen:
    try:
        return _looked(os.stat(path))
    except OSError:
        return 0, 0, 0, 0


def _looked(found: os.stat_result) -> _Seen:
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode
