"""Carries out the mount operations the host planned (`lamina.sandbox.plan`), in order.

An operation is a JSON list: its name, then its arguments. Each failure names the step, so that the host can tell a
person which line of the plan the kernel refused.
"""

from __future__ import annotations

import os
import stat
from typing import Callable

from . import syscalls
from .syscalls import (
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_REC,
)


class StepFailed(Exception):
    """A step of a plan that the kernel refused."""

    def __init__(self, step: str, error: OSError) -> None:
        super().__init__("%s: %s" % (step, error))
        self.step = step
        self.errno = error.errno


def carry_out(operations: list[list[str]], root: str, fds: dict[str, int] | None = None) -> None:
    """Apply *operations* below *root* ("" for the root itself); *fds* are mounts handed over by the host."""
    for name, *arguments in operations:
        try:
            if name == "attach":
                target, mount_name = arguments
                syscalls.attach_mount((fds or {})[mount_name], root + target)
            else:
                _OPERATIONS[name](root, *arguments)
        except OSError as error:
            raise StepFailed(" ".join([name, *arguments]), error) from error


def _folder(root: str, path: str, mode: str = "755") -> None:
    os.makedirs(root + path, exist_ok=True)
    os.chmod(root + path, int(mode, 8))


def _file(root: str, path: str, content: str, mode: str = "644") -> None:
    with open(root + path, "w") as file:
        file.write(content)
    os.chmod(root + path, int(mode, 8))


def _symlink(root: str, path: str, target: str) -> None:
    os.symlink(target, root + path)


def _bind_read_only(root: str, path: str, source: str) -> None:
    _bind(root, path, source)
    syscalls.restrict_mount(root + path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)


def _bind_device(root: str, path: str, source: str) -> None:
    _bind(root, path, source)
    syscalls.restrict_mount(root + path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID)


def _bind(root: str, path: str, source: str) -> None:
    # Recursive: an unprivileged user namespace may not take a mount apart from those below it.
    syscalls.mount(source, root + path, "", MS_BIND | MS_REC)


def _bind_writable(root: str, path: str, source: str) -> None:
    _bind(root, path, source)
    syscalls.restrict_mount(root + path, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)


def _tmpfs(root: str, path: str, options: str) -> None:
    syscalls.mount("tmpfs", root + path, "tmpfs", MS_NOSUID | MS_NODEV, options)


def _proc(root: str, path: str) -> None:
    syscalls.mount("proc", root + path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)


def _overlay(root: str, path: str, options: str) -> None:
    flags = MS_NOSUID | MS_NODEV | syscalls.MS_RDONLY
    syscalls.mount("overlay", root + path, "overlay", flags, options.replace("{root}", root))


def _mask(root: str, path: str) -> None:
    """Put an empty, unreadable nothing in place of *path*, where it exists."""
    # An exception would cost more than to ask, and most kernels lack most of what is masked.
    if not os.access(root + path, os.F_OK):
        return
    if stat.S_ISDIR(os.stat(root + path).st_mode):
        syscalls.mount("tmpfs", root + path, "tmpfs", MS_NOSUID | MS_NODEV | syscalls.MS_RDONLY, "size=0,mode=0555")
    else:
        syscalls.mount(root + "/dev/null", root + path, "", MS_BIND)


def _detach(root: str, path: str) -> None:
    syscalls.umount(root + path)


_OPERATIONS: dict[str, Callable[..., None]] = {
    "folder": _folder,
    "file": _file,
    "symlink": _symlink,
    "bind_read_only": _bind_read_only,
    "bind_device": _bind_device,
    "bind_writable": _bind_writable,
    "tmpfs": _tmpfs,
    "proc": _proc,
    "overlay": _overlay,
    "mask": _mask,
    "detach": _detach,
}
