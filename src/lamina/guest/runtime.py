"""The last steps before a customer's code: streams of its own, every right given up, then to become the runtime."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import types
from typing import Any, Callable, NamedTuple

from . import sealing, syscalls
from .mounts import StepFailed, carry_out
from .sealing import Seal

# What _LAMBDA_TELEMETRY_LOG_FD names; Java's runtime has the same number on AWS.
_FRAMES_FD = 62
_LOG_DESCRIPTOR = "_LAMBDA_TELEMETRY_LOG_FD"
_COMPLAINT_FD = _FRAMES_FD + 1
# Templates know its number.
_ORDER_FD = _FRAMES_FD + 2
# Where a fork is told its invocations, and where it answers; a template says on the first what it has become.
_TALK_FD = _FRAMES_FD + 3
_ANSWERS_FD = _FRAMES_FD + 4
# Says it to the runtime's client, in a fork.
_TALK_DESCRIPTOR = "_LAMINA_FRAMES_FD"
# Says it to a program that is executed ahead of its order.
_ORDER_DESCRIPTOR = "_LAMINA_ORDER_FD"


class Beginning(NamedTuple):
    """What every process that is started in an environment begins with."""

    seal: Seal
    code: types.CodeType | None  # what a fork of this interpreter runs that has nothing to execute
    log: int
    complaint: int  # where to say that a program cannot be executed
    rehearse: Callable[[], None] | None = None  # what makes such a fork quicker, while it waits for its order


def run_template(order: dict[str, Any], beginning: Beginning, fds: list[int]) -> None:
    """Become a template of SnapStart: it hears what to do on the first of *fds* and says on the second what it has
    become; the others are for its mounts.
    """
    orders_fd, report_fd, *mounts = fds
    try:
        syscalls.unshare(syscalls.CLONE_NEWNS)
        carry_out(order["operations"], "", dict(zip(order["mounts"], mounts)))
    except (OSError, StepFailed) as error:
        os.write(beginning.complaint, str(error).encode())
        os._exit(1)
    run(order, beginning, orders_fd, (report_fd,))


def run(
    order: dict[str, Any],
    beginning: Beginning,
    orders_fd: int = -1,
    talk: tuple[int, ...] = (),
    talks: bool = False,
) -> None:
    """Become the process that was ordered: returns when its program ends by itself, as any Python program.

    One that *talks* has its conversation with the server on the descriptors *talk*.
    """
    _take_streams(beginning.log, beginning.complaint, orders_fd, talk)
    if os.getsid(0) != os.getpid():
        # An environment's first process has one already.
        os.setsid()
    sealing.apply(beginning.seal)
    _become(order, beginning.code, talks)


def visit(order: dict[str, Any], beginning: Beginning, streams: list[int]) -> None:
    """Become a program with the standard *streams* of somebody outside; a terminal serves it in every way."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.dup2(beginning.log, _FRAMES_FD)
    _close_others(beginning.complaint)
    os.setsid()
    if os.isatty(0):
        syscalls.control_terminal(0)
    sealing.apply(beginning.seal)
    _become(order, None)


def stand_by(
    argv: list[str], environ: dict[str, str], beginning: Beginning, order_fd: int, talk: tuple[int, ...] = ()
) -> None:
    """Do ahead of time what needs no order, giving up every right above all; then `run` the one from *order_fd*.

    A program that is to be executed already, *argv* with *environ*, reads that order itself. On the descriptors *talk*,
    if there are any, a fork of this interpreter has its conversation with the server.
    """
    _take_streams(beginning.log, beginning.complaint, order_fd, talk)
    os.setsid()
    sealing.apply(beginning.seal)
    if argv:
        os.set_inheritable(_ORDER_FD, True)
        _execute(argv, [], {**environ, _ORDER_DESCRIPTOR: str(_ORDER_FD)})
    elif beginning.rehearse is not None and not select.select([_ORDER_FD], [], [], 0)[0]:
        beginning.rehearse()
    pieces = []
    while True:
        piece = os.read(_ORDER_FD, 65536)
        if not piece:
            break
        pieces.append(piece)
    os.close(_ORDER_FD)
    if not pieces:
        os._exit(0)
    order = json.loads(b"".join(pieces))
    sealing.limit(order["limits"])
    _become(order, beginning.code, talks=bool(talk))


def _become(order: dict[str, Any], code: types.CodeType | None, talks: bool = False) -> None:
    os.chdir(order["working_folder"])
    if order["argv"] or order["bootstraps"]:
        _execute(order["argv"], order["bootstraps"], order["environ"])
    os.close(_COMPLAINT_FD)
    assert code is not None, "what cannot be run in a fork is executed"
    more = {_TALK_DESCRIPTOR: "%d %d" % (_TALK_FD, _ANSWERS_FD)} if talks else {}
    _run_in_this_interpreter(code, {**order["environ"], **more})


def _execute(argv: list[str], bootstraps: list[str], environ: dict[str, str]) -> None:
    """Become another program, or end with a complaint; the words are those AWS has from Go."""
    if _LOG_DESCRIPTOR not in environ:
        os.close(_FRAMES_FD)
    # An interpreter ignores these two, and its zygote the third; what is ignored stays so in the next program.
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        found = argv or [next(path for path in bootstraps if os.path.exists(path) and not os.path.isdir(path))]
        os.execve(found[0], found, environ)
    except StopIteration:
        complaint = "Couldn't find valid bootstrap(s): [%s]" % " ".join(bootstraps)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        complaint = "fork/exec %s: %s" % (error.filename, reason[:1].lower() + reason[1:])
    os.write(_COMPLAINT_FD, complaint.encode())
    os._exit(1)


def _take_streams(log_fd: int, complaint_fd: int, order_fd: int, talk: tuple[int, ...] = ()) -> None:
    """Standard output and error, and the descriptor for framed messages, all lead to the environment's log.

    *complaint_fd* stays open until a program runs; *order_fd* (-1: none) for as long as orders may come from it, and
    *talk* for as long as this program runs.
    """
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    os.dup2(log_fd, _FRAMES_FD)
    _close_others(complaint_fd, order_fd, talk)


def _close_others(complaint_fd: int, order_fd: int = -1, talk: tuple[int, ...] = ()) -> None:
    """Keep, beside the streams, just what is used until a program runs, and for as long as orders may come."""
    kept = os.dup2(complaint_fd, _COMPLAINT_FD, inheritable=False)
    if order_fd != -1:
        kept = os.dup2(order_fd, _ORDER_FD, inheritable=False)
    for number, fd in zip((_TALK_FD, _ANSWERS_FD), talk):
        kept = os.dup2(fd, number, inheritable=False)
    os.closerange(3, _FRAMES_FD)
    os.closerange(kept + 1, 1024)


def compiled(program: str) -> types.CodeType:
    """The code of a file that every fork of this interpreter is to run."""
    with open(program) as file:
        return compile(file.read(), program, "exec")


def forget_ourselves() -> None:
    """Leave no trace of the guest where a program looks: what runs already keeps what it needs."""
    for name in [name for name in sys.modules if name.split(".")[0] == __name__.split(".")[0]]:
        del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if not entry.startswith("/.lamina")]


def _run_in_this_interpreter(code: types.CodeType, environ: dict[str, str]) -> None:
    program = code.co_filename
    for name in [name for name in os.environ if name not in environ]:
        del os.environ[name]
    for name, value in environ.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    sys.argv[:] = [program]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = [sys.executable, program]
    main = types.ModuleType("__main__")
    main.__file__ = program
    sys.modules["__main__"] = main
    exec(code, main.__dict__)  # noqa: S102 - the platform's own file, as `python FILE` would run it
