"""What of a folder a power cut leaves: the bytes and the names that were synced, and nothing that was not.

A real disk keeps more than that, never less. Bytes are durable once their file was synced, names once their folder was,
both once the file system was; everything is as this begins. Where *names* are kept, all of them are, however little
of the bytes: journals of file systems write names down sooner than bytes.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

Inode = int
# Nobody's state: sockets, and the images of functions' /tmp, which a start removes.
_LEFT_OUT: Final = ("scratch",)


class Disk:
    """The folder *root*, as it would be found; *room* is a folder of its own for copies. Used by one thread.

    A file that lies in one of *written_once* as this begins is never written again: another name is as good as a copy.
    """

    def __init__(self, root: Path, room: Path, *, names: bool, written_once: Sequence[str] = ()) -> None:
        self._root, self._room, self._names = root, room, names
        self._linked: set[Inode] = set()
        room.mkdir()
        self._folders: dict[Inode, Mapping[str, Inode]] = {}
        # Open for as long as this is: an inode that is still known must not be given to another file.
        self._held: dict[Inode, int] = {}
        for name in written_once:
            self._link_all(root / name)
        self._sync_all()

    def close(self) -> None:
        """Forget everything, the copies as well."""
        for descriptor in self._held.values():
            os.close(descriptor)
        shutil.rmtree(self._room)

    def synced(self, call: str, path: Path) -> None:
        """A sync of *path* is about to be done."""
        if call == "syncfs":
            self._sync_all()
        elif call in ("fsync", "fdatasync"):
            with suppress(FileNotFoundError):
                self._sync(path)

    def write_to(self, folder: Path) -> None:
        """Make the new *folder* what would be found."""
        if self._names:
            for path, _, _ in os.walk(self._root):
                self._sync_names(Path(path))
        self._write(self._hold(self._root), folder)

    def _link_all(self, folder: Path) -> None:
        for path, _, files in os.walk(folder):
            for name in files:
                if not (file := Path(path, name)).is_symlink():
                    inode = self._hold(file)
                    with suppress(FileExistsError):
                        os.link(file, self._room / str(inode))
                    self._linked.add(inode)

    def _sync_all(self) -> None:
        for path, folders, files in os.walk(self._root):
            folders[:] = [name for name in folders if name not in _LEFT_OUT]
            self._sync_names(Path(path))
            for name in files:
                with suppress(FileNotFoundError):
                    self._sync(Path(path, name))

    def _sync(self, path: Path) -> None:
        if path.is_dir():
            self._sync_names(path)
        elif path.is_file() and not path.is_symlink() and (inode := self._hold(path)) not in self._linked:
            shutil.copyfile(path, self._room / str(inode))

    def _sync_names(self, path: Path) -> None:
        found = {}
        for name in os.listdir(path):
            with suppress(FileNotFoundError):
                if name not in _LEFT_OUT:
                    found[name] = self._hold(path / name)
        self._folders[self._hold(path)] = found

    def _hold(self, path: Path) -> Inode:
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        inode = os.fstat(descriptor).st_ino
        if inode in self._held:
            os.close(descriptor)
        else:
            self._held[inode] = descriptor
        return inode

    def _write(self, inode: Inode, path: Path) -> None:
        found = os.fstat(self._held[inode])
        if stat.S_ISLNK(found.st_mode):
            path.symlink_to(os.readlink("", dir_fd=self._held[inode]))
        elif stat.S_ISDIR(found.st_mode):
            path.mkdir()
            for name, below in self._folders.get(inode, {}).items():
                self._write(below, path / name)
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
            path.chmod(stat.S_IMODE(found.st_mode))
        elif stat.S_ISREG(found.st_mode):
            self._write_file(inode, path)
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
            path.chmod(stat.S_IMODE(found.st_mode))

    def _write_file(self, inode: Inode, path: Path) -> None:
        kept = self._room / str(inode)
        if inode in self._linked:
            os.link(kept, path)
        elif kept.exists():
            shutil.copyfile(kept, path)
        else:
            path.touch()
