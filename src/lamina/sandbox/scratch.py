"""What an environment gets as /tmp: storage of the function's own size, not memory.

Root gets an ext4 file system in a sparse file behind a loop device. Its mount is made detached (fsmount(2)) and handed
to the environment as a descriptor: it is never visible on the host, the file has lost its name by then, and the device
lets go of it with the last unmount, so that nothing is left whichever way an environment ends. About 1.5 ms, made
ahead of demand. An ordinary user, or a machine without loop devices, gets a folder, whose size the worker watches.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import stat
import struct
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lamina.sandbox import removing

_LOOP_CTL_GET_FREE = 0x4C82
_LOOP_CONFIGURE = 0x4C0A
_LO_FLAGS_AUTOCLEAR = 4
_LOOP_INFO_BYTES = 232
_LOOP_FLAGS_OFFSET = 52

_NR_FSOPEN, _NR_FSCONFIG, _NR_FSMOUNT = 430, 431, 432
_FSCONFIG_SET_FLAG, _FSCONFIG_SET_STRING, _FSCONFIG_CMD_CREATE = 0, 1, 6
_FSMOUNT_CLOEXEC = 1
_MOUNT_ATTR_NOSUID, _MOUNT_ATTR_NODEV = 2, 4

_DEVICES = Path("/dev")
_MB = 1024 * 1024
_INODE_BYTES = 256


@dataclass(slots=True)
class Tmp:
    """One environment's /tmp: a detached mount, or the name of a folder below the scratch folder."""

    mount_fd: int | None
    folder: Path | None

    @property
    def folder_name(self) -> str | None:
        return self.folder.name if self.folder else None

    def handed_over(self) -> None:
        """Let go of the mount once the environment holds it."""
        if self.mount_fd is not None:
            os.close(self.mount_fd)
            self.mount_fd = None

    def remove(self) -> None:
        self.handed_over()
        if self.folder is not None:
            # What cannot be removed now is tried again at the next start.
            with contextlib.suppress(OSError):
                removing.remove(self.folder)


class Scratch(Protocol):
    """Makes /tmp for environments. *root* is the folder every sandbox must be given, None for none."""

    root: Path | None
    description: str

    def create(self, name: str, size_mb: int) -> Tmp: ...


class FolderScratch:
    """A folder for each environment; its size is not enforced by the kernel."""

    description = "a folder on disk, its size watched"

    def __init__(self, root: Path) -> None:
        self.root: Path | None = root
        # What a killed server left.
        removing.clear(root)

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
        removing.clear(root)

    def create(self, name: str, size_mb: int) -> Tmp:
        image = _copy_sparse(self._template(size_mb), self._folder / f"{name}.img")
        try:
            with _attached(image) as device:
                return Tmp(mount_fd=_mount_ext4(device), folder=None)
        finally:
            image.unlink()

    def _template(self, size_mb: int) -> Path:
        """An empty file system of *size_mb*, made once: mke2fs takes 10 ms, a sparse copy of it 0.1."""
        template = self._folder / f"template-{size_mb}.ext4"
        with self._making:
            if not template.exists():
                self._make_template(template, size_mb)
        return template

    def _make_template(self, template: Path, size_mb: int) -> None:
        aside = template.with_suffix(".new")
        inodes = max(16384, size_mb * 64)
        with aside.open("wb") as file:
            # What the function sees is its size; the file system's own tables come on top.
            file.truncate((size_mb + size_mb // 64 + 1) * _MB + inodes * _INODE_BYTES)
        command = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-N", str(inodes)]
        options = ["-O", "^has_journal,^resize_inode", "-E", "lazy_itable_init=1,nodiscard"]
        subprocess.run([*command, *options, str(aside)], check=True, capture_output=True)
        with _attached(aside) as device:
            mount_fd = _mount_ext4(device)
            os.rmdir("lost+found", dir_fd=mount_fd)
            os.chmod(f"/proc/self/fd/{mount_fd}/.", 0o1777)
            os.close(mount_fd)
        aside.rename(template)


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


def _copy_sparse(source: Path, target: Path) -> Path:
    with source.open("rb") as reading, target.open("wb") as writing:
        size = os.fstat(reading.fileno()).st_size
        writing.truncate(size)
        position = 0
        while True:
            try:
                start = os.lseek(reading.fileno(), position, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                return target
            position = os.lseek(reading.fileno(), start, os.SEEK_HOLE)
            while start < position:
                start += os.copy_file_range(reading.fileno(), writing.fileno(), position - start, start, start)


@contextlib.contextmanager
def _attached(image: Path) -> Iterator[str]:
    """A loop device for *image* that frees itself when the last user of it is gone."""
    info = bytearray(_LOOP_INFO_BYTES)
    struct.pack_into("=I", info, _LOOP_FLAGS_OFFSET, _LO_FLAGS_AUTOCLEAR)
    with image.open("r+b") as backing, open("/dev/loop-control", "rb") as control:
        while True:
            number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
            device = _DEVICES / f"loop{number}"
            descriptor = _open_loop(device)
            try:
                fcntl.ioctl(
                    descriptor, _LOOP_CONFIGURE, struct.pack("=II", backing.fileno(), 4096) + bytes(info) + bytes(64)
                )
            except OSError as error:
                os.close(descriptor)
                # Somebody else took the free one between the two calls.
                if error.errno != errno.EBUSY:
                    raise
                continue
            break
    try:
        yield str(device)
    finally:
        os.close(descriptor)


def _open_loop(device: Path) -> int:
    """The loop *device*, as a descriptor. In a container the kernel makes devices, and nobody makes files for them."""
    try:
        return os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        major, minor = map(int, Path(f"/sys/block/{device.name}/dev").read_text().split(":"))
        with contextlib.suppress(FileExistsError):
            os.mknod(device, stat.S_IFBLK | 0o600, os.makedev(major, minor))
        return os.open(device, os.O_RDWR | os.O_CLOEXEC)


_libc = ctypes.CDLL(None, use_errno=True)


def _mount_ext4(device: str) -> int:
    """A detached mount of *device*, as a descriptor."""
    context = _syscall(_NR_FSOPEN, b"ext4", ctypes.c_uint(1))
    try:
        _configure(context, _FSCONFIG_SET_STRING, b"source", device.encode())
        # Blocks a function frees are freed in the file behind, too.
        _configure(context, _FSCONFIG_SET_FLAG, b"discard", None)
        _configure(context, _FSCONFIG_CMD_CREATE, None, None)
        return _syscall(
            _NR_FSMOUNT,
            ctypes.c_int(context),
            ctypes.c_uint(_FSMOUNT_CLOEXEC),
            ctypes.c_uint(_MOUNT_ATTR_NOSUID | _MOUNT_ATTR_NODEV),
        )
    finally:
        os.close(context)


def _configure(context: int, command: int, key: bytes | None, value: bytes | None) -> None:
    _syscall(_NR_FSCONFIG, ctypes.c_int(context), ctypes.c_uint(command), key, value, ctypes.c_int(0))


def _syscall(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
