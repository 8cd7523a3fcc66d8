"""A warm process of one runtime that forks itself for every new environment.

It has the interpreter and the runtime's client imported, one thread, and nothing of any customer. What it forks is
the environment's first process (`init`), which still waits to be told what it will be: its process 1, or beside that
where it is one that only waits (`waiter`).
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
from typing import Any, Callable

from . import init, messages, network, router, runtime, syscalls
from .common import Common
from .folders import know_folders
from .library import Library
from .waiter import Waiters

# Nobody who waits for the first environments is to wait for what only makes later ones quicker. But where others are
# asked for without a pause, they take twice the time that they would take with it.
_QUIET_MS = 100
_FORKS_BEFORE_IT = 16


def main(control_fd: int) -> Callable[[], None]:
    """Serve fork requests; returns only in a process that is to run a function: what it calls, on a clean stack."""
    control = socket.socket(fileno=control_fd)
    own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
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
        waiters, complaint = _waiters(message)
        runtime.forget_ourselves()
    except BaseException as error:  # noqa: BLE001 - the worker is told, whatever it was
        messages.send(control, {"failed": "%s: %s" % (type(error).__name__, error)})
        os._exit(1)
    _keep_what_exists()
    way_out = common.way_out
    resolver = router.open_resolver(way_out["resolver"]) if way_out["mode"] == "outbound" else ()
    messages.send(control, {"ready": True, "complaint": complaint}, tuple(listener.fileno() for listener in resolver))
    for listener in resolver:
        listener.close()
    forks = 0
    children = _Children(control)
    while True:
        try:
            if read_ahead and (forks >= _FORKS_BEFORE_IT or not children.bury_until_told(_QUIET_MS)):
                sys.meta_path.insert(0, Library.read(read_ahead))
                read_ahead = []
                _keep_what_exists()
            children.bury_until_told()
            message, fds = messages.receive(control)
            if message is None:
                os._exit(0)
            forks += 1
            if "lead" in message:
                _lead(fds, forks, way_out["resolver"])
                continue
            attends = "attend" in message
            first = fds.pop() if attends else -1
            if waiters is not None and not attends:
                first = _process_1(waiters, control.fileno(), fds, forks)
            pid = _forked(own_pid_namespace, fds, first, attends)
            if pid > 0 and first != -1 and not attends:
                children.expect(pid, forks)
        except BaseException as error:  # noqa: BLE001 - every environment ends with it: the worker is told why
            messages.send(control, {"failed": "%s: %s" % (type(error).__name__, error)})
            os._exit(1)
        if pid == 0:
            children.disown()
            control.close()
            os.close(own_pid_namespace)
            if waiters is not None:
                waiters.close()
            channel = socket.socket(fileno=fds[0])
            if attends:
                return init.attend(channel, fds[1], common, first, message)
            return init.main(channel, fds[1], common, forks, first=first)
        for fd in fds:
            os.close(fd)
        if first != -1:
            os.close(first)


def _process_1(waiters: Waiters, control_fd: int, fds: list[int], number: int) -> int:
    """A descriptor of a new one beside which to fork; -1 where the fork itself is to be it.

    Whoever waits at the first of *fds* is told of it, so that he can end it, whatever happens to the fork.
    """
    pid = waiters.start([control_fd, *fds])
    if pid is None:
        return -1
    first = -1
    channel = socket.socket(fileno=fds[0])
    try:
        first = syscalls.open_process(pid)
        messages.send(channel, {"beside": number}, (first,))
    except OSError:
        # For want of descriptors, or nobody waits any more.
        if first != -1:
            os.close(first)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return -1
    finally:
        channel.detach()
    return first


def _forked(own_pid_namespace: int, fds: list[int], first: int, attends: bool) -> int:
    """The fork's process id, 0 in the fork; where there is none, whoever waits at the first of *fds* is told."""
    try:
        if attends:
            return os.fork()
        if first != -1:
            return _fork_beside(first, own_pid_namespace)
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


def _fork_beside(process: int, own: int) -> int:
    """fork(2), the child being in the pid namespace of *process*, a descriptor of it."""
    syscalls.setns(process, syscalls.CLONE_NEWPID)
    pid = -1
    try:
        pid = os.fork()
    finally:
        if pid:
            syscalls.setns(own, syscalls.CLONE_NEWPID)
    return pid


def _waiters(message: dict[str, Any]) -> tuple[Waiters | None, str]:
    """What makes a process 1 that only waits, where environments of this zygote have such a one; else why not.

    Not where nothing of it is ever a runtime. Nor where whatever runs in an environment is one user to the kernel: what
    starts others there is safe from them as process 1 alone. Neither is anything to complain of ("").
    """
    if not message["program"] or message["seal"]["user_namespace"]:
        return None, ""
    kinds = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS
    try:
        return Waiters(kinds if message["network"]["mode"] == "host" else kinds | syscalls.CLONE_NEWNET), ""
    except OSError as error:
        # Some machines execute nothing that is in no file.
        return None, str(error)


class _Children:
    """Buries what was forked, and tells the worker by its number how one has ended that is beside a process 1."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._expected: dict[int, int] = {}
        # Nobody is buried but while this process waits: not before it is known under which number.
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._poll = select.poll()
        for fd in (control.fileno(), self._wake_read):
            self._poll.register(fd, select.POLLIN)

    def disown(self) -> None:
        """In a fork, which has none of them."""
        signal.set_wakeup_fd(-1)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def expect(self, pid: int, number: int) -> None:
        """The process *pid* has this *number*."""
        self._expected[pid] = number

    def bury_until_told(self, quiet_ms: int | None = None) -> bool:
        """Returns once the worker has something to tell; False after *quiet_ms* in which nothing happened."""
        while True:
            ready = [fd for fd, _ in self._poll.poll(quiet_ms)]
            if self._wake_read in ready:
                os.read(self._wake_read, 512)
                self._bury()
            if self._control.fileno() in ready:
                return True
            if not ready:
                return False

    def _bury(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            number = self._expected.pop(pid, None)
            if number is not None:
                end = {**init.describe(status), "resident_peak_kb": usage.ru_maxrss}
                with contextlib.suppress(OSError):
                    messages.send(self._control, {"ended": number, **end})
