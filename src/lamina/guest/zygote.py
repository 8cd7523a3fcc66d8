"""A warm process of one runtime that forks itself for every new environment.

It has the interpreter and the runtime's client imported, one thread, and nothing of any customer. What it forks is
the environment's process 1 (`init`), which still waits to be told what it will be.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
from typing import Callable

from . import init, messages, network, router, runtime, syscalls
from .common import Common
from .folders import know_folders
from .library import Library

# Nobody who waits for the first environments is to wait for what only makes later ones quicker.
_QUIET_S = 0.1


def main(control_fd: int) -> Callable[[], None]:
    """Serve fork requests; returns only in a process that is to run a function: what it calls, on a clean stack."""
    control = socket.socket(fileno=control_fd)
    own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, _reap)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    message, _ = messages.receive(control)
    if message is None:
        os._exit(0)
    try:
        sys.path.extend(message["path"])
        _preload(message["preload"], message["forget"])
        know_folders(message["folders"])
        read_ahead = message["read_ahead"]
        common = Common.of(message, _import_rehearsal(message["rehearsal"]))
        # No program that is executed from here on, of whatever file, brings a right back.
        syscalls.drop_bounding_set()
        runtime.forget_ourselves()
    except BaseException as error:  # noqa: BLE001 - the worker is told, whatever it was
        messages.send(control, {"failed": "%s: %s" % (type(error).__name__, error)})
        os._exit(1)
    _keep_what_exists()
    way_out = common.way_out
    resolver = router.open_resolver(way_out["resolver"]) if way_out["mode"] == "outbound" else ()
    messages.send(control, {"ready": True}, tuple(listener.fileno() for listener in resolver))
    for listener in resolver:
        listener.close()
    forks = 0
    while True:
        try:
            if read_ahead and not select.select([control], [], [], _QUIET_S)[0]:
                sys.meta_path.insert(0, Library.read(read_ahead))
                read_ahead = []
                _keep_what_exists()
            message, fds = messages.receive(control)
            if message is None:
                os._exit(0)
            forks += 1
            if "lead" in message:
                _lead(fds, forks, way_out["resolver"])
                continue
            pid = _forked(own_pid_namespace, fds)
        except BaseException as error:  # noqa: BLE001 - every environment ends with it: the worker is told why
            messages.send(control, {"failed": "%s: %s" % (type(error).__name__, error)})
            os._exit(1)
        if pid == 0:
            control.close()
            os.close(own_pid_namespace)
            return init.main(socket.socket(fileno=fds[0]), fds[1], common, forks)
        for fd in fds:
            os.close(fd)


def _forked(own_pid_namespace: int, fds: list[int]) -> int:
    """The fork's process id, 0 in the fork; where there is none, whoever waits at the first of *fds* is told."""
    try:
        return _fork_into_new_pid_namespace(own_pid_namespace)
    except OSError as error:
        # For want of memory, processes or namespaces. The environments there are must not end for it.
        with socket.socket(fileno=fds.pop(0)) as channel, contextlib.suppress(OSError):
            messages.send(channel, {"failed": "no further process: %s" % error})
        return -1


def _lead(fds: list[int], number: int, gateway: str) -> None:
    """Lead an environment out that was made by another, which has no right over the router; say when that is done."""
    namespace, reply = fds
    with socket.socket(fileno=reply) as channel:
        try:
            network.lead(namespace, number, gateway)
        except OSError as error:
            messages.send(channel, {"failed": "no way out: %s" % error})
        else:
            messages.send(channel, {"led": True})
        os.close(namespace)


def _preload(modules: list[str], forgotten: list[str]) -> None:
    for name in modules:
        importlib.import_module(name)
    # The runtime's own packages must not win over a layer's of the same name: whoever holds them keeps them, but the
    # next import looks along sys.path again.
    for name in list(sys.modules):
        if name.split(".")[0] in forgotten:
            del sys.modules[name]


def _import_rehearsal(name: str) -> Callable[[], None] | None:
    """The function of that name in the module *name* (""), which is then nobody else's."""
    if not name:
        return None
    rehearse: Callable[[], None] = importlib.import_module(name).rehearse
    del sys.modules[name]
    return rehearse


def _keep_what_exists() -> None:
    """It lives for ever: kept out of the children's collections, its pages stay shared."""
    gc.collect()
    gc.freeze()


def _fork_into_new_pid_namespace(own: int) -> int:
    """fork(2), the child being process 1 of a new pid namespace; clone(2) would skip the C library's fork handlers."""
    syscalls.unshare(syscalls.CLONE_NEWPID)
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid:
            # unshare(2) refuses a second new namespace until the one for children is our own again.
            syscalls.setns(own, syscalls.CLONE_NEWPID)
    return pid


def _reap(_signal: int, _frame: object) -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
