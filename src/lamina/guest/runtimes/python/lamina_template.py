"""SnapStart: an initialised runtime that is forked into new environments instead of being initialised again.

It waits, all rights given up, for orders on a descriptor of its own. Each brings the namespaces of a new, empty
environment, which a child of it may enter because they belong to its user, and in which the child at once gives up
every right once more. What the snapshot of a virtual machine would hold is the same in every child. What must not be is
made anew: /tmp is a copy, and sockets are dead, as after a restore.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import shutil
import socket
import stat
import struct
import sys
import threading
import warnings

import runtime_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FRAMES_FD = 62
_REPORT_FD = _FRAMES_FD + 3
_ORDER_BYTES_MAX = 64 * 1024
_FDS_MAX = 16
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_PR_CAPBSET_DROP = 24
_CAPABILITY_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


def wait_for_orders(descriptor: int) -> None:
    """Serve as the template; returns only in a restored environment."""
    serve(socket.socket(fileno=descriptor), {"hindrances": hindrances()}, _enter)


def serve(control: socket.socket, report: dict[str, Any], enter: Callable[[dict[str, Any], list[int]], None]) -> None:
    """Say what there is to *report*, and fork at each order from *control*; returns in a fork that was told to *enter*.

    What it enters comes as descriptors: namespaces, the user namespace first, a log, and what else the order needs.
    """
    # A longer one than the server reads is cut off there.
    os.write(_REPORT_FD, json.dumps(report).encode())
    os.close(_REPORT_FD)
    runtime_client.begin_restore()
    runtime_client.forget_connection()
    gc.collect()
    # Kept out of the children's collections, its pages stay shared.
    gc.freeze()
    while True:
        order, fds, _, _ = socket.recv_fds(control, _ORDER_BYTES_MAX, _FDS_MAX)
        if not order:
            os._exit(0)
        sys.stdout.flush()
        sys.stderr.flush()
        child = _fork()
        if child == 0:
            control.close()
            enter(json.loads(order), fds)
            return
        for fd in fds:
            os.close(fd)
        os.waitpid(child, 0)


def hindrances() -> list[str]:
    """Why what runs here cannot be forked, if it cannot."""
    found = []
    # A fork takes along no thread but its own: who waits for another would wait for ever.
    threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if threads:
        found.append("threads run after initialisation: " + ", ".join(threads[:10]))
    if os.path.isdir("/opt/extensions") and os.listdir("/opt/extensions"):
        found.append("a layer brings extensions, which are processes of their own")
    return found


def _enter(order: dict[str, Any], fds: list[int]) -> None:
    """Become the process of another environment: *fds* are its namespaces and its log."""
    *namespaces, log = fds
    tmp = open_tmp()
    move_in(namespaces, log)
    _bury_sockets()
    copy_tmp(tmp)
    os.chdir(os.environ["LAMBDA_TASK_ROOT"])
    os.environ.update(order["environ"])
    limit(order["limits"])
    draw_anew()


def move_in(namespaces: list[int], log: int) -> None:
    """Become a process in *namespaces*, of which the user namespace is the first, without any right; write to *log*."""
    for namespace in namespaces:
        _check(_libc.setns(namespace, 0), "setns")
        os.close(namespace)
    # A process enters a pid namespace by being born there, and is its process 1's once its parent in there has gone.
    if _fork() or _fork():
        os._exit(0)
    os.setsid()
    _give_up_rights()
    for target in (1, 2, _FRAMES_FD):
        os.dup2(log, target)
    os.close(log)


def open_tmp() -> int:
    """The /tmp of this environment, if there is anything in it; else -1."""
    return os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY) if os.listdir("/tmp") else -1


def copy_tmp(source: int) -> None:
    """Copy what `open_tmp` found elsewhere to the /tmp of this environment."""
    if source != -1:
        _copy("/proc/self/fd/%d" % source, "/tmp")
        os.close(source)


def limit(limits: dict[str, tuple[int, int]]) -> None:
    """Set limits (soft, hard) by name, or as much of them as may be: nobody but root raises a hard one."""
    for name, (soft, hard) in limits.items():
        kind = getattr(resource, name)
        highest = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (_lower(soft, highest), _lower(hard, highest)))


def _lower(wanted: int, highest: int) -> int:
    if resource.RLIM_INFINITY in (wanted, highest):
        return highest if wanted == resource.RLIM_INFINITY else wanted
    return min(wanted, highest)


def draw_anew() -> None:
    """Have OpenSSL's generator draw other numbers than in any other environment; Python's own sees to that itself.

    It tells a fork by its process id, and that is the same in each new pid namespace.
    """
    openssl = sys.modules.get("_ssl")
    if openssl is not None:
        openssl.RAND_add(os.urandom(32), 32.0)


def _copy(source: str, target: str) -> None:
    """What is in one folder into another; the folders themselves belong to the platform."""
    with os.scandir(source) as entries:
        for entry in entries:
            path = os.path.join(target, entry.name)
            if entry.is_dir(follow_symlinks=False):
                shutil.copytree(entry.path, path, symlinks=True)
            elif entry.is_file() or entry.is_symlink():
                shutil.copy2(entry.path, path, follow_symlinks=False)


def _fork() -> int:
    with warnings.catch_warnings():
        # Of threads of libraries such as OpenBLAS, which see to a fork themselves.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _give_up_rights() -> None:
    """Those over the namespaces just entered, and the call that enters them."""
    # Entering a user namespace has filled the bounding set again; the kernel refuses numbers it does not know.
    capability = 0
    while _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    _check(_libc.capset(header, bytes(24)), "capset")
    number = {"x86_64": 308, "aarch64": 268}[os.uname().machine]
    refusing_setns = b"".join(
        (
            struct.pack("=HBBI", 0x20, 0, 0, 0),  # load the number of the call
            struct.pack("=HBBI", 0x15, 0, 1, number),
            struct.pack("=HBBI", 0x06, 0, 0, 0x00050001),  # EPERM
            struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000),  # allowed
        )
    )
    code = ctypes.create_string_buffer(refusing_setns, len(refusing_setns))
    program = struct.pack("@HxxxxxxP", len(refusing_setns) // 8, ctypes.addressof(code))
    _check(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0), "seccomp")


def _bury_sockets() -> None:
    """Put a dead one in the place of every socket: whoever is at its other end talks to the template."""
    dead, other = socket.socketpair()
    other.close()
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            if fd > 2 and fd != dead.fileno() and stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.dup2(dead.fileno(), fd, inheritable=os.get_inheritable(fd))
        except OSError:
            continue  # the listing's own
    dead.close()


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, "%s: %s" % (what, os.strerror(code)))
