"""Removing what functions left behind: they may have made it as hard as they could."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_log = logging.getLogger(__name__)


def clear(root: Path) -> None:
    """Make *root* an empty folder. What cannot be removed is moved aside: it must keep no server from starting."""
    for left in root.parent.glob(f"{root.name}.left-*"):
        with contextlib.suppress(OSError):
            remove(left)
    if root.exists():
        try:
            remove(root)
        except OSError:
            aside = root.with_name(f"{root.name}.left-{secrets.token_hex(4)}")
            _log.warning("%s could not be removed and is now %s", root, aside, exc_info=True)
            root.rename(aside)
    root.mkdir(parents=True)


def remove(root: Path) -> None:
    """Remove *root*, in which a function may have taken every right away, also from this user.

    A function's names are never followed: a link of its own making must not change what it leads to. Its folders may
    be nested deeper than any stack or path goes, so each is moved up into *root* before it is emptied.
    """
    _open_to_us(root, None)
    top = os.open(root, _FOLDER)
    try:
        # Nobody can have taken these names.
        fresh = (f"{secrets.token_hex(16)}-{number}" for number in itertools.count())
        while entries := _some_entries(top):
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.name, dir_fd=top)
                    continue
                _open_to_us(entry.name, top)
                folder = os.open(entry.name, _FOLDER, dir_fd=top)
                try:
                    _empty_into(top, folder, fresh)
                finally:
                    os.close(folder)
                os.rmdir(entry.name, dir_fd=top)
    finally:
        os.close(top)
    root.rmdir()


def _empty_into(top: int, folder: int, fresh: Iterator[str]) -> None:
    """Remove what is in *folder*; folders in it become folders of *top*, by *fresh* names."""
    while entries := _some_entries(folder):
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                # To be moved, a folder itself must be writable: its ".." changes.
                _open_to_us(entry.name, folder)
                os.rename(entry.name, next(fresh), src_dir_fd=folder, dst_dir_fd=top)
            else:
                os.unlink(entry.name, dir_fd=folder)


def _some_entries(folder: int) -> list[os.DirEntry[str]]:
    """The first of what is in *folder*; there may be more than memory should hold."""
    with os.scandir(folder) as entries:
        return list(itertools.islice(entries, 1000))


def _open_to_us(name: str | Path, folder: int | None) -> None:
    try:
        found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return  # a link to a folder: no folder itself
    try:
        # fchmod(2) takes no such descriptor; its entry under /proc leads to the very folder.
        with contextlib.suppress(OSError):
            os.chmod(f"/proc/self/fd/{found}", 0o700)
    finally:
        os.close(found)
