"""Process 1 of an environment: takes its assignment, starts processes, buries the dead, obeys the worker.

What it starts has a name, and a process group of its own: the runtime, and each extension a layer brings. It runs
before the customer's code and beside it, keeps just the capabilities it needs to start and stop processes, and listens
to nothing but its socket to the worker. When that closes it ends, and with it everything in the namespace.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import time

# Without the enumerations that `signal` wraps it in: they cost a process that was just forked 25 pages.
from _signal import signal as set_handler  # type: ignore[import-not-found]  # typeshed lacks it
from typing import Any, Callable

from . import adopting, messages, network, owner, runtime, sealing, syscalls
from .common import Common
from .mounts import StepFailed, carry_out
from .runtime import Beginning
from .sealing import Seal
from .standing import Process, Standby, conversation

EXTENSIONS = "/opt/extensions"
_STAGE = "/.lamina"
# The user namespace first: it is what brings the right to enter the others.
_NAMESPACES = ("user", "mnt", "net", "ipc", "uts", "pid")
_OWN_NAMESPACES = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS
# More than these are not told of: one more than there may be is enough to see that there are too many.
_EXTENSIONS_TOLD = 11
_SIGCHLD, _SIG_DFL = int(signal.SIGCHLD), int(signal.SIG_DFL)
_FORK_TRIES = 100
_FORK_PAUSE_S = 0.01


def main(
    control: socket.socket, log_fd: int, common: Common, number: int, open_to_owner: bool = False, first: int = -1
) -> Callable[[], None]:
    """Serve the worker; returns only in the runtime's process: what it has to call.

    *number* tells this environment from others of its zygote. One that is *open_to_owner* hands over its namespaces,
    and its log: its runtime will come from elsewhere. Where process 1 is another, which only waits, *first* is a
    descriptor of it: this process becomes the runtime itself if nothing speaks against it.
    """
    # Whom an ordinary user's function shares an id with, it may make less urgent, and with him all of his session
    # (/proc/PID/autogroup): the server's own, and the terminal's that it runs in.
    os.setsid()
    # Nothing yet that costs memory: the worker first sees to it for whom that is counted.
    messages.send(control, {"born": os.getpid()})
    order, _ = messages.receive(control)
    if order is None:
        if first != -1:
            # Nobody may have come to know of it.
            syscalls.send_signal(first, signal.SIGKILL)
        os._exit(0)
    init = _Init(control, log_fd, common, first)
    try:
        entry = init.furnish(order, number, open_to_owner)
    except (OSError, StepFailed) as error:
        messages.send(control, {"failed": str(error)})
        os._exit(1)
    return entry or init.stand_by(order) or init.serve()


def attend(
    control: socket.socket, log_fd: int, common: Common, first: int, order: dict[str, Any]
) -> Callable[[], None]:
    """Serve the worker in an environment whose runtime was alone there, whose process 1 is *first*; as `main`.

    What does so is not seen by anybody in there: what it starts is, but not itself.
    """
    messages.send(control, {"born": os.getpid()})
    if messages.receive(control)[0] is None:
        os._exit(0)
    init = _Init(control, log_fd, common, first)
    try:
        init.enter(order)
    except OSError as error:
        messages.send(control, {"failed": str(error)})
        os._exit(1)
    return init.serve()


def _bind_shared_memory_to_processes() -> None:
    """Have a System V segment go with the process that made it, unless another still uses it.

    Otherwise it would stay, and count, in an environment whose processes were killed for using too much. Before Linux
    6.9 only the machine's root may ask for that; for others it stays until the environment ends.
    """
    try:
        syscalls.write("/proc/sys/kernel/shm_rmid_forced", 1)
    except PermissionError:
        pass


class _Init:
    def __init__(self, control: socket.socket, log_fd: int, common: Common, first: int = -1) -> None:
        self._control = control
        self._first = first
        # Of no use before it has started another: see `_supervise`.
        self._wake_read = -1
        # By which a runtime that is forked from here hears and answers, until there is one.
        self._talk: tuple[int, ...] = ()
        self._is_outside = False
        self._log_fd = log_fd
        self._common = common
        self._seal = common.seal
        # The function's own, which a process that stands by does not know.
        self._limits: dict[str, tuple[int, int]] = {}
        self._extensions: list[str] = []
        self._extensions_log_fd = -1
        self._processes: dict[int, Process] = {}
        self._standby = Standby()
        self._is_template = False
        # Where a template's child is to stand by, nothing of ours can take its place.
        self._is_inhabited = False
        self._stage = -1
        set_handler(_SIGCHLD, _SIG_DFL)
        if first == -1:
            self._supervise()

    def _supervise(self) -> None:
        """Hear of processes that end; nothing, where it does already."""
        if self._wake_read != -1:
            return
        self._wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        set_handler(_SIGCHLD, lambda _signal, _frame: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)

    def enter(self, order: dict[str, Any]) -> None:
        """Enter all but the pid namespace of process 1, into which whatever is started from here goes."""
        self._is_outside = True
        kinds = _OWN_NAMESPACES | (0 if self._common.way_out["mode"] == "host" else syscalls.CLONE_NEWNET)
        syscalls.setns(self._first, kinds | syscalls.CLONE_NEWPID)
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
        self._limits = order["limits"]
        self._seal = self._common.seal.further(order["uid"], self._limits)
        sealing.relinquish_init(self._seal.user_namespace)

    def furnish(self, order: dict[str, Any], number: int, open_to_owner: bool) -> Callable[[], None] | None:
        """Make all there can be before it is known for which function; returns something in the runtime's process."""
        way_out = self._common.way_out
        outside = network.leave(way_out["mode"], _OWN_NAMESPACES, self._first)
        # Nobody in the sandbox may trace this process or open its memory, whatever uid it shares.
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
        carry_out(self._common.processes, "")
        if self._first != -1:
            self._seal = self._common.seal.further(order["uid"], {})
            self._standby.frames, self._talk = conversation()
        elif not open_to_owner:
            # Now, while there is little of ours that it would have to copy.
            self._seal = self._common.seal.further(order["uid"], {})
            entry = self._standby.fork(self._fork, order, self._seal, self._common, self._log_fd)
            if entry is not None:
                return entry
        _bind_shared_memory_to_processes()
        listeners = network.furnish(way_out["mode"], number, way_out["resolver"], outside)
        fds = [listener.detach() for listener in listeners]
        carry_out(self._common.switches, "")
        if open_to_owner:
            # The host's network is no namespace of theirs to enter.
            kinds = [kind for kind in _NAMESPACES if kind != "net" or way_out["mode"] != "host"]
            fds += [os.open("/proc/self/ns/" + kind, os.O_RDONLY | os.O_CLOEXEC) for kind in kinds]
            fds.append(os.dup(self._log_fd))
            if "inhabited" in order:
                self._await_inhabitant(order["inhabited"])
        frames = self._standby.frames
        fds += frames or ()
        messages.send(self._control, {"furnished": True, "frames": frames is not None}, tuple(fds))
        for fd in fds:
            os.close(fd)
        return None

    def stand_by(self, order: dict[str, Any]) -> Callable[[], None] | None:
        """Hear the first order where there is nothing to hear but the worker; something in the runtime's process."""
        if self._first == -1:
            return None
        rehearse = self._common.rehearse
        if rehearse is not None and order["rehearse"] and not select.select([self._control], [], [], 0)[0]:
            rehearse()
        message, fds = messages.receive(self._control)
        if message is None:
            os._exit(0)
        return self._obey(message, fds)

    def _await_inhabitant(self, operations: list[list[str]]) -> None:
        """Make ready for a template's child, which moves in before it is known for whom: only we reach the stage."""
        self._is_inhabited = True
        self._stage = os.open(_STAGE, os.O_PATH | os.O_CLOEXEC)
        carry_out(operations, "")

    def _from_the_stage(self, operations: list[list[str]]) -> list[list[str]]:
        if self._stage == -1:
            return operations
        stage = "/proc/self/fd/%d" % self._stage
        return [[argument.replace(_STAGE, stage) for argument in operation] for operation in operations]

    def serve(self) -> Callable[[], None]:
        self._supervise()
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
            return self._assign(message, fds)
        if order == "start":
            return self._start(message, {})
        if order == "template":
            return self._start_template(message, fds)
        if order == "beget":
            return self._beget(message, fds)
        if order == "visit":
            return self._visit(message, fds)
        if order == "adopt":
            self._adopt(message["name"], fds)
        elif order == "signal":
            self._signal(message["number"], message.get("name"))
        elif order == "connect":
            self._connect(message["connect"], message["host"], message["port"])
        return None

    def _assign(self, message: dict[str, Any], fds: list[int]) -> Callable[[], None] | None:
        """Become a function's; its runtime is started with it only where no extension has to come before that."""
        try:
            carry_out(self._from_the_stage(message["operations"]), "", dict(zip(message["mounts"], fds)))
            self._standby.limit(message["limits"])
            if self._is_all_there_is(message["start"]):
                return self._become(message)
            sealing.relinquish_init(self._seal.user_namespace)
        except (OSError, StepFailed) as error:
            messages.send(self._control, {"failed": str(error)})
            os._exit(1)
        finally:
            for fd in fds:
                os.close(fd)
        self._limits = message["limits"]
        self._seal = self._seal.further(self._seal.uid, self._limits)
        self._extensions = _list_extensions()
        if not self._extensions:
            if message["start"] is not None:
                return self._start(message["start"], {"assigned": []})
            messages.send(self._control, {"assigned": []})
            return None
        # Their output comes apart from the function's.
        log_read, self._extensions_log_fd = os.pipe2(os.O_CLOEXEC)
        messages.send(self._control, {"assigned": self._extensions}, (log_read,))
        os.close(log_read)
        return None

    def _is_all_there_is(self, start: dict[str, Any] | None) -> bool:
        """Whether no more than the runtime *start* is to run in here, as far as is known, and in this interpreter."""
        if not self._talk or start is None or start["argv"] or start["bootstraps"]:
            return False
        return not os.access(EXTENSIONS, os.F_OK)

    def _take_talk(self, order: dict[str, Any]) -> tuple[int, ...]:
        """The descriptors for the runtime of *order*, if it takes any; nobody else has them from now on."""
        if order["argv"] or order["bootstraps"]:
            self._drop_talk()
        talk, self._talk = self._talk, ()
        return talk

    def _drop_talk(self) -> None:
        talk, self._talk = self._talk, ()
        for fd in talk:
            os.close(fd)

    def _become(self, message: dict[str, Any]) -> Callable[[], None]:
        """Become the runtime: nobody in here obeys the worker any more."""
        start = message["start"]
        messages.send(self._control, {"assigned": [], "started": start["name"], "alone": True})
        seal = self._seal.further(self._seal.uid, message["limits"])
        # Nothing is executed of which there could be a complaint.
        beginning = Beginning(seal, self._common.code, self._log_fd, self._log_fd)
        self._control.detach()
        return lambda: runtime.run(start, beginning, talk=self._talk, talks=True)

    def _start(self, order: dict[str, Any], told: dict[str, Any]) -> Callable[[], None] | None:
        """Start a process; the worker hears of it beside what else it is to be *told*."""
        if not order["extension"]:
            sent = self._standby.send_off({**order, "limits": self._limits})
            if sent is not None:
                pid, process = sent
                self._processes[pid] = process
                messages.send(self._control, {**told, "started": order["name"], "pid": pid})
                return None
            if self._is_inhabited:
                messages.send(self._control, {"failed": "what has come from a template is gone"})
                os._exit(1)
        log_fd = self._extensions_log_fd if order["extension"] else self._log_fd
        talk = () if order["extension"] else self._take_talk(order)
        complaint_read, complaint_write = os.pipe2(os.O_CLOEXEC)
        pid = self._fork()
        if pid == 0:
            beginning = Beginning(self._seal, self._common.code, log_fd, complaint_write)
            return lambda: runtime.run(order, beginning, talk=talk, talks=bool(talk))
        for fd in (complaint_write, *talk):
            os.close(fd)
        self._processes[pid] = Process(order["name"], complaint_read)
        messages.send(self._control, {**told, "started": order["name"], "pid": pid})
        return None

    def _start_template(self, order: dict[str, Any], fds: list[int]) -> Callable[[], None] | None:
        """Start a template of SnapStart: with mounts of its own, so that what is made from here can have others."""
        # It is held by another seal.
        self._standby.send_away()
        self._is_template = True
        # Whoever is begotten mounts a /proc, which the kernel lets nobody who sees but a part of the one there is.
        for name, path, *_ in (*self._common.switches, *self._common.processes):
            if name != "proc" and os.path.exists(path):
                syscalls.umount(path)
        complaint_read, complaint_write = os.pipe2(os.O_CLOEXEC)
        pid = self._fork()
        if pid == 0:
            beginning = Beginning(Seal.of(order["seal"]), self._common.code, self._log_fd, complaint_write)
            return lambda: runtime.run_template(order, beginning, fds)
        os.close(complaint_write)
        for fd in fds:
            os.close(fd)
        self._began(Process(order["name"], complaint_read), pid)
        return None

    def _visit(self, order: dict[str, Any], fds: list[int]) -> Callable[[], None] | None:
        """Start a program for somebody outside, whose standard streams are *fds*, in the place of the runtime."""
        self._standby.replace()
        complaint_read, complaint_write = os.pipe2(os.O_CLOEXEC)
        pid = self._fork()
        if pid == 0:
            beginning = Beginning(self._seal, None, self._log_fd, complaint_write)
            return lambda: runtime.visit(order, beginning, fds)
        os.close(complaint_write)
        for fd in fds:
            os.close(fd)
        self._began(Process(order["name"], complaint_read), pid)
        return None

    def _beget(self, message: dict[str, Any], fds: list[int]) -> Callable[[], None] | None:
        """Make a blank environment for a child of the template in here to move into.

        Its pid namespace is below this one, as it must be for whoever enters it from here. Its way out is led by the
        zygote, which alone has rights over the router.
        """
        channel, log_fd = fds
        try:
            pid = owner.fork_as_owner(message["owner"], message["seen_as"])
        except OSError as error:
            with socket.socket(fileno=os.dup(channel)) as complaining:
                messages.send(complaining, {"failed": "no further environment: %s" % error})
            pid = -1
        if pid == 0:
            signal.set_wakeup_fd(-1)
            self._control.close()
            common = self._common._replace(way_out={"mode": message["network"], "resolver": ""})
            return main(socket.socket(fileno=channel), log_fd, common, 0, open_to_owner=True)
        for fd in fds:
            os.close(fd)
        return None

    def _adopt(self, name: str, fds: list[int]) -> None:
        """Take the process that has come from a template for *name*, once nothing in here has rights any more.

        Where it hears its order on what the one of *fds* leads to, it stands by from now on.
        """
        pid = adopting.wait_adoptable()
        if pid is None:
            messages.send(self._control, {"failed": "what came from a template does not give up its rights"})
            os._exit(1)
        if fds:
            self._standby.take(pid, fds[0])
            messages.send(self._control, {"standing": pid})
        else:
            self._began(Process(name, -1), pid)

    def _began(self, process: Process, pid: int) -> None:
        self._processes[pid] = process
        messages.send(self._control, {"started": process.name, "pid": pid})

    def _fork(self) -> int:
        """fork(2); the child has nothing of this process's business with it."""
        self._supervise()
        pid = _fork_patiently()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            set_handler(_SIGCHLD, _SIG_DFL)
            self._control.detach()
        return pid

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._standby.buried(pid)
            process = self._processes.pop(pid, None)
            if process is not None:
                if not self._processes and not self._is_template:
                    # What it left behind must not go on under the next one.
                    self._signal(signal.SIGKILL)
                end = {**describe(status), **_never_began(process.complaint)}
                messages.send(self._control, {"exited": process.name, "resident_peak_kb": usage.ru_maxrss, **end})

    def _signal(self, number: int, name: str | None = None) -> None:
        """Send a signal to everything, or to the process *name*: with what it started where that is to be killed."""
        if name is None and number == signal.SIGKILL:
            # A conversation is for those who were there when it began.
            self._drop_talk()
        if name is None and self._is_outside:
            self._signal_inside(number)
            return
        pids = [-1] if name is None else [pid for pid, process in self._processes.items() if process.name == name]
        for pid in pids:
            try:
                if name is not None and number == signal.SIGKILL:
                    os.killpg(pid, number)
                else:
                    os.kill(pid, number)
            except ProcessLookupError:
                pass

    def _signal_inside(self, number: int) -> None:
        """Send a signal to everything in the pid namespace, which only who is in there can."""
        pid = self._fork()
        if pid == 0:
            try:
                os.kill(-1, number)
            except OSError:
                pass
            os._exit(0)
        os.waitpid(pid, 0)

    def _connect(self, number: int, host: str, port: int) -> None:
        """Hand over a connection to a port in here, begun; or say why there is none."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as connection:
            code = connection.connect_ex((host, port))
            if code in (0, errno.EINPROGRESS):
                messages.send(self._control, {"connected": number}, (connection.fileno(),))
            else:
                messages.send(self._control, {"connected": number, "errno": code})


def _list_extensions() -> list[str]:
    """The files that are to be executed before the runtime, whether or not that will go well."""
    # Most have none, and an exception costs more than to ask.
    if not os.access(EXTENSIONS, os.F_OK):
        return []
    try:
        names = sorted(os.listdir(EXTENSIONS))
    except OSError:
        return []
    return [name for name in names if not os.path.isdir(EXTENSIONS + "/" + name)][:_EXTENSIONS_TOLD]


def _never_began(complaint_fd: int) -> dict[str, str]:
    """What a process complained of, if it did not get as far as to execute its program."""
    if complaint_fd == -1:
        return {}
    complaint = os.read(complaint_fd, 4096).decode(errors="replace")
    os.close(complaint_fd)
    return {"never_began": complaint} if complaint else {}


def _fork_patiently() -> int:
    """fork(2), while what was killed a moment ago may still count against the limit of processes."""
    for _ in range(_FORK_TRIES):
        try:
            return os.fork()
        except BlockingIOError:
            time.sleep(_FORK_PAUSE_S)
        except OSError:
            # For want of memory; or process 1, another, has ended.
            break
    # The environment cannot be used; its end tells the worker so.
    os._exit(1)


def describe(status: int) -> dict[str, Any]:
    if os.WIFSIGNALED(status):
        return {"signal": os.WTERMSIG(status)}
    return {"status": os.WEXITSTATUS(status)}
