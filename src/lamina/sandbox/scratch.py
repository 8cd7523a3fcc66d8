"""What an environment gets as /tmp: storage of the function's own size, not memory.

Root gets an ext4 file system in a sparse file behind a loop device. Its mount is made detached (fsmount(2)) and handed
to the environment as a descriptor: it is never visible on the host, the file has lost its name by then, and the device
lets go of it with the last unmount, so that nothing is left whichever way an environment ends. About 1.5 ms, made
ahead of demand; one in which nothing was ever done is there for the next environment. An ordinary user, or a machine
without loop devices, gets a folder, whose size the worker watches.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from lamina.sandbox import file_systems, removing

# Empty ones that wait for the next environment: each has a loop device, and some memory of the kernel's.
_KEPT_MAX: Final = 8


@dataclass(slots=True)
class Tmp:
    """One environment's /tmp: a detached mount, or the name of a folder below the scratch folder."""

    mount_fd: int | None
    folder: Path | None
    _file_system: _FileSystem | None = None

    @property
    def folder_name(self) -> str | None:
        return self.folder.name if self.folder else None

    def handed_over(self) -> None:
        """Let go of the mount once the environment holds it."""
        if self.mount_fd is not None:
            os.close(self.mount_fd)
            self.mount_fd = None

    def put_back(self) -> bool:
        """Leave it to the next environment if it is certain that nothing was ever done in it; call `remove` if not."""
        file_system, self._file_system = self._file_system, None
        if file_system is None:
            return False
        self.handed_over()
        if file_system.is_untouched() and file_system.keep():
            return True
        self._file_system = file_system
        return False

    def remove(self) -> None:
        self.handed_over()
        if self._file_system is not None:
            self._file_system.close()
            self._file_system = None
        if self.folder is not None:
            # What cannot be removed now is tried again at the next start.
            with contextlib.suppress(OSError):
                removing.remove(self.folder)


class Scratch(Protocol):
    """Makes /tmp for environments. *root* is the folder every sandbox must be given, None for none."""

    root: Path | None
    description: str

    def ready(self, size_mb: int) -> Tmp | None:
        """One that costs next to nothing, if there is one."""
        ...

    def create(self, name: str, size_mb: int) -> Tmp:
        """A new one. Raises OSError, SubprocessError."""
        ...

    def close(self) -> None:
        """Let go of what was kept for others."""
        ...


class FolderScratch:
    """A folder for each environment; its size is not enforced by the kernel."""

    description = "a folder on disk, its size watched"

    def __init__(self, root: Path) -> None:
        self.root: Path | None = root
        # What a killed server left.
        removing.clear(root)

    def ready(self, size_mb: int) -> Tmp | None:
        """None: folders are made."""
        return None

    def close(self) -> None:
        """Nothing is kept."""

    def create(self, name: str, size_mb: int) -> Tmp:
        assert self.root is not None
        folder = self.root / name
        folder.mkdir()
        folder.chmod(0o1777)
        return Tmp(mount_fd=None, folder=folder)


class LoopScratch:
    """An ext4 file system for each environment; its size is the kernel's to enforce."""

    description = "an ext4 file system of the function's size"

    def __init__(self, root: Path) -> None:
        self.root: Path | None = None
        self._folder = root
        self._making = threading.Lock()
        self._kept: deque[_FileSystem] = deque()
        removing.clear(root)

    def ready(self, size_mb: int) -> Tmp | None:
        """One that was made for an environment which did nothing in it; what no call of the kernel's can tell from new.

        The mount is another, of the same file system: that of an environment ends with it.
        """
        found = next((each for each in self._kept if each.size_mb == size_mb), None)
        if found is None:
            return None
        self._kept.remove(found)
        try:
            return Tmp(file_systems.mount(found.device), None, found)
        except OSError:
            found.close()
            return None

    def create(self, name: str, size_mb: int) -> Tmp:
        """A new one. Raises OSError, SubprocessError."""
        image = file_systems.copy_sparse(self._template(size_mb), self._folder / f"{name}.img")
        try:
            with file_systems.attached(image) as device:
                held = _FileSystem(size_mb, device, file_systems.mount(device), self._kept)
                try:
                    return Tmp(file_systems.mount(device), None, held)
                except BaseException:
                    held.close()
                    raise
        finally:
            image.unlink()

    def close(self) -> None:
        while self._kept:
            self._kept.popleft().close()

    def _template(self, size_mb: int) -> Path:
        """An empty file system of *size_mb*, made once: mke2fs takes 10 ms, a sparse copy of it 0.1."""
        template = self._folder / f"template-{size_mb}.ext4"
        with self._making:
            if not template.exists():
                aside = template.with_suffix(".new")
                file_systems.make(aside, size_mb)
                aside.rename(template)
        return template


class _FileSystem:
    """A file system that stays for as long as this holds a mount of it; *kept* are those that wait."""

    def __init__(self, size_mb: int, device: str, mount_fd: int, kept: deque[_FileSystem]) -> None:
        self.size_mb = size_mb
        self.device = device
        self._mount_fd = mount_fd
        self._kept = kept
        self._fresh = self._look()

    def is_untouched(self) -> bool:
        """Whether it looks as it did when it was new.

        Nobody makes anything in it without changing the times of its only folder, which no function can set; a file
        without a name counts for as long as it is open. Who has but listed it has changed a time as well.
        """
        return self._look() == self._fresh

    def keep(self) -> bool:
        """Have it wait for the next environment, if not too many do."""
        if len(self._kept) >= _KEPT_MAX:
            return False
        self._kept.append(self)
        return True

    def close(self) -> None:
        """Let go of it. That may take a while: it is unmounted."""
        os.close(self._mount_fd)

    def _look(self) -> tuple[int, ...]:
        root, whole = os.fstat(self._mount_fd), os.fstatvfs(self._mount_fd)
        times = root.st_atime_ns, root.st_mtime_ns, root.st_ctime_ns
        return (*times, root.st_mode, root.st_nlink, root.st_size, whole.f_bfree, whole.f_ffree)


def find(root: Path) -> Scratch:
    """The best this process can do below *root*, tried rather than guessed."""
    if os.geteuid() == 0 and shutil.which("mke2fs"):
        try:
            scratch = LoopScratch(root)
            scratch.create("trial", 16).remove()
        except (OSError, subprocess.CalledProcessError):
            pass
        else:
            return scratch
    return FolderScratch(root)
