"""Process 1 of an environment: takes its assignment, starts the runtime, buries the dead, obeys the worker.

It runs before the customer's code and beside it, keeps just the capabilities it needs to start and stop processes, and
listens to nothing but its socket to the worker. When that closes it ends, and with it everything in the namespace.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from typing import Any, Callable

from . import messages, network, runtime, syscalls
from .mounts import StepFailed, carry_out

_FORK_TRIES = 100
_FORK_PAUSE_S = 0.01


def main(control: socket.socket, log_fd: int) -> Callable[[], None]:
    """Serve the worker; returns only in the runtime's process: what it has to call."""
    syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWNET)
    # Nobody in the sandbox may trace this process or open its memory, whatever uid it shares.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    try:
        carry_out([["proc", "/proc"]], "")
        _bind_shared_memory_to_processes()
        listener = network.open_runtime_api()
    except (OSError, StepFailed) as error:
        messages.send(control, {"failed": str(error)})
        os._exit(1)
    messages.send(control, {"hello": os.getpid()}, (listener.fileno(),))
    listener.close()
    return _Init(control, log_fd).serve()


def _bind_shared_memory_to_processes() -> None:
    """Have a System V segment go with the process that made it, unless another still uses it.

    Otherwise it would stay, and count, in an environment whose processes were killed for using too much. Before Linux
    6.9 only the machine's root may ask for that; for others it stays until the environment ends.
    """
    try:
        with open("/proc/sys/kernel/shm_rmid_forced", "w") as file:
            file.write("1")
    except PermissionError:
        pass


class _Init:
    def __init__(self, control: socket.socket, log_fd: int) -> None:
        self._control = control
        self._log_fd = log_fd
        self._runtime_pid = 0
        self._complaint = -1
        self._assignment: dict[str, Any] = {}
        wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wake_read = wake_read
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    def serve(self) -> Callable[[], None]:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._wake_read:
                    os.read(self._wake_read, 512)
                    self._reap()
                    continue
                message, fds = messages.receive(self._control)
                if message is None:
                    os._exit(0)
                entry = self._obey(message, fds)
                if entry is not None:
                    return entry

    def _obey(self, message: dict[str, Any], fds: list[int]) -> Callable[[], None] | None:
        order = message["do"]
        if order == "assign":
            self._assign(message, fds)
        elif order == "start":
            return self._start(message["environ"])
        elif order == "signal":
            self._signal_all(message["number"])
        return None

    def _assign(self, message: dict[str, Any], fds: list[int]) -> None:
        try:
            carry_out(message["operations"], "", dict(zip(message["mounts"], fds)))
            runtime.relinquish_init(message["seal"])
        except (OSError, StepFailed) as error:
            messages.send(self._control, {"failed": str(error)})
            os._exit(1)
        finally:
            for fd in fds:
                os.close(fd)
        self._assignment = message
        messages.send(self._control, {"assigned": True})

    def _start(self, environ: dict[str, str]) -> Callable[[], None] | None:
        complaint_read, complaint_write = os.pipe2(os.O_CLOEXEC)
        pid = _fork_patiently()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.detach()
            log_fd, assignment = self._log_fd, self._assignment
            return lambda: runtime.run(assignment, environ, log_fd, complaint_write)
        os.close(complaint_write)
        self._runtime_pid, self._complaint = pid, complaint_read
        messages.send(self._control, {"started": pid})
        return None

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._runtime_pid:
                self._runtime_pid = 0
                # What the runtime left behind must not go on under the next one.
                self._signal_all(signal.SIGKILL)
                messages.send(self._control, {"exited": {**_describe(status), **self._never_began()}})

    def _never_began(self) -> dict[str, str]:
        """What the runtime's process complained of, if it did not get as far as to execute its program."""
        complaint = os.read(self._complaint, 4096).decode(errors="replace")
        os.close(self._complaint)
        return {"never_began": complaint} if complaint else {}

    def _signal_all(self, number: int) -> None:
        try:
            os.kill(-1, number)
        except ProcessLookupError:
            pass


def _fork_patiently() -> int:
    """fork(2), while what was killed a moment ago may still count against the limit of processes."""
    for _ in range(_FORK_TRIES):
        try:
            return os.fork()
        except BlockingIOError:
            time.sleep(_FORK_PAUSE_S)
    # The environment cannot be used; its end tells the worker so.
    os._exit(1)


def _describe(status: int) -> dict[str, Any]:
    if os.WIFSIGNALED(status):
        return {"signal": os.WTERMSIG(status)}
    return {"status": os.WEXITSTATUS(status)}
