"""What somebody tries who has capabilities over an execution environment of his own, and what is to come of it."""

from __future__ import annotations

import os
from typing import Final

# Source for inside: `tried()` makes each attempt and gives what came of it. Needs the rights of whoever calls it.
ATTEMPTS: Final = """
import ctypes, errno, fcntl, os, socket, struct

kernel = ctypes.CDLL(None, use_errno=True)

def outcome(attempt):
    try:
        return attempt()
    except OSError as error:
        return errno.errorcode[error.errno]

def call(name, *arguments):
    if getattr(kernel, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)
    return "done"

def asked(request, data):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        fcntl.ioctl(asking, request, data)
    return "done"

def made(*kind):
    socket.socket(*kind).close()
    return "done"

def rights():
    with open("/proc/self/status") as file:
        return next(line.split()[1] for line in file if line.startswith("CapEff"))

address = b"eth0".ljust(16, b"\\0") + struct.pack("=HH4s8x", 2, 0, bytes((169, 254, 9, 9)))
ATTEMPTS = {
    "rights": rights,
    "raw": lambda: made(socket.AF_INET, socket.SOCK_RAW, 1),
    "packet": lambda: made(17, socket.SOCK_RAW, 0),
    "netlink": lambda: made(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "address": lambda: asked(0x8916, address),
    "bridge": lambda: asked(0x89A0, b"bridge\\0".ljust(16, b"\\0")),
    "route": lambda: asked(0x890B, bytes(120)),
    "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "uncover": lambda: call("umount2", b"/.lamina", 2),
    "chroot": lambda: call("chroot", b"/tmp"),
    "device": lambda: os.mknod("/tmp/device", 0o060666, os.makedev(8, 0)),
    "memory of process 1": lambda: open("/proc/1/mem", "rb").close(),
    "files of process 1": lambda: os.readlink("/proc/1/fd/0"),
    "root of process 1": lambda: os.listdir("/proc/1/root"),
    "host": lambda: open("/proc/sys/kernel/core_pattern", "w").close(),
    "stage": lambda: os.listdir("/.lamina"),
    "users": lambda: os.setresuid(0, 0, 0),
}

def tried():
    return {name: outcome(attempt) for name, attempt in ATTEMPTS.items()}
"""
# Without "rights", which has the capabilities themselves.
COMES_OF_IT: Final[dict[str, object]] = {
    "raw": "EPERM",
    "packet": "EAFNOSUPPORT",
    "netlink": "EAFNOSUPPORT",
    "address": "EPERM",
    "bridge": "EPERM",
    "route": "EPERM",
    "mount": "EPERM",
    "uncover": "EPERM",
    "chroot": "EPERM",
    "device": "EPERM",
    "memory of process 1": "EACCES",
    "files of process 1": "EACCES",
    "root of process 1": "EACCES",
    # All of /proc/sys is read-only where an ordinary user's function could own some of it.
    "host": "EACCES" if os.geteuid() == 0 else "EROFS",
    "stage": [],
    "users": "EINVAL",
}
