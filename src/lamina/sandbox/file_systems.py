"""Empty ext4 file systems: one made by mke2fs, sparse copies of it, each behind a loop device and mounted nowhere."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import stat
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

_LOOP_CTL_GET_FREE = 0x4C82
_LOOP_CONFIGURE = 0x4C0A
_LO_FLAGS_AUTOCLEAR = 4
_LOOP_INFO_BYTES = 232
_LOOP_FLAGS_OFFSET = 52

_NR_FSOPEN, _NR_FSCONFIG, _NR_FSMOUNT = 430, 431, 432
_FSCONFIG_SET_FLAG, _FSCONFIG_SET_STRING, _FSCONFIG_CMD_CREATE = 0, 1, 6
_FSMOUNT_CLOEXEC = 1
_MOUNT_ATTR_NOSUID, _MOUNT_ATTR_NODEV = 2, 4
# Blocks a function frees are freed in the file behind, too. Nothing here outlives a power cut, so that nobody need wait
# for the disk; and nobody writes zeros where the file has holes.
_OPTIONS = (b"discard", b"nobarrier", b"noinit_itable")

_DEVICES = Path("/dev")
_MB = 1024 * 1024
_INODE_BYTES = 256


def make(image: Path, size_mb: int) -> None:
    """Write an empty file system into *image*, in which everybody may make files. Raises OSError, SubprocessError."""
    inodes = max(16384, size_mb * 64)
    with image.open("wb") as file:
        # What the function sees is its size; the file system's own tables come on top.
        file.truncate((size_mb + size_mb // 64 + 1) * _MB + inodes * _INODE_BYTES)
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-N", str(inodes)]
    options = ["-O", "^has_journal,^resize_inode", "-E", "lazy_itable_init=1,nodiscard"]
    subprocess.run([*command, *options, str(image)], check=True, capture_output=True)
    with attached(image) as device:
        mount_fd = mount(device)
        os.rmdir("lost+found", dir_fd=mount_fd)
        os.chmod(f"/proc/self/fd/{mount_fd}/.", 0o1777)
        os.close(mount_fd)


def copy_sparse(source: Path, target: Path) -> Path:
    """Copy what is in *source* but its holes; *target*."""
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
def attached(image: Path) -> Iterator[str]:
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


def mount(device: str) -> int:
    """A detached mount of *device*, as a descriptor; one more of the same file system where it is mounted already."""
    context = _syscall(_NR_FSOPEN, b"ext4", ctypes.c_uint(1))
    try:
        _configure(context, _FSCONFIG_SET_STRING, b"source", device.encode())
        for option in _OPTIONS:
            _configure(context, _FSCONFIG_SET_FLAG, option, None)
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
