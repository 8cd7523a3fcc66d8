"""The last steps before a customer's code: give up every right, then become the runtime.

Order matters and is that of the kernel's rules: limits and ids while there still are capabilities, the seccomp filter
last, because it forbids most of the calls before it.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
import sys
import types
from typing import Any

from . import syscalls
from .mounts import StepFailed, carry_out

_KEPT_BY_INIT = (syscalls.CAP_KILL, syscalls.CAP_SETUID, syscalls.CAP_SETGID, syscalls.CAP_SETPCAP)

# What _LAMBDA_TELEMETRY_LOG_FD names; Java's runtime has the same number on AWS.
_FRAMES_FD = 62
_LOG_DESCRIPTOR = "_LAMBDA_TELEMETRY_LOG_FD"
_COMPLAINT_FD = _FRAMES_FD + 1
# Templates know its number.
_ORDER_FD = _FRAMES_FD + 2
# Says it to a program that is executed ahead of its order.
_ORDER_DESCRIPTOR = "_LAMINA_ORDER_FD"


def relinquish_init(seal: dict[str, Any]) -> None:
    """What process 1 gives up once the mounts stand: all but starting and stopping processes of another user."""
    syscalls.drop_bounding_set()
    kept: tuple[int, ...] = _KEPT_BY_INIT
    if seal["user_namespace"]:
        # It has to make a user namespace for the function, and map its own id 0 into it, for which the kernel wants
        # CAP_SETFCAP; both are rights over its own namespace only, which owns nothing outside.
        kept = (*kept, syscalls.CAP_SYS_ADMIN, syscalls.CAP_SETFCAP)
    syscalls.keep_capabilities(kept)


def run_template(order: dict[str, Any], log_fd: int, complaint_fd: int, fds: list[int]) -> None:
    """Become a template of SnapStart: it hears what to do on the first of *fds*, the others are for its mounts."""
    orders_fd, *mounts = fds
    try:
        syscalls.unshare(syscalls.CLONE_NEWNS)
        carry_out(order["operations"], "", dict(zip(order["mounts"], mounts)))
    except (OSError, StepFailed) as error:
        os.write(complaint_fd, str(error).encode())
        os._exit(1)
    syscalls.drop_bounding_set()
    run(order, order["seal"], log_fd, complaint_fd, orders_fd)


def run(order: dict[str, Any], seal: dict[str, Any], log_fd: int, complaint_fd: int, orders_fd: int = -1) -> None:
    """Become the process that was ordered: returns when its program ends by itself, as any Python program.

    A program that cannot be executed is complained of on *complaint_fd*.
    """
    _take_streams(log_fd, complaint_fd, orders_fd)
    os.setsid()
    _seal(seal)
    _become(order, None)


def stand_by(message: dict[str, Any], log_fd: int, order_fd: int, complaint_fd: int) -> None:
    """Do ahead of time what needs no order, giving up every right above all; then `run` the one from *order_fd*.

    A program that is to be executed already reads that order itself.
    """
    _take_streams(log_fd, complaint_fd, order_fd)
    os.setsid()
    # Process 1, whose fork this is, has not given up its own yet.
    syscalls.drop_bounding_set()
    _seal(message["seal"])
    if message["argv"]:
        os.set_inheritable(_ORDER_FD, True)
        _execute(message["argv"], [], {**message["environ"], _ORDER_DESCRIPTOR: str(_ORDER_FD)})
    code = _compiled(message["program"]) if message["program"] else None
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
    for name, (soft, hard) in order["limits"].items():
        _limit(getattr(resource, name), soft, hard)
    _become(order, code)


def _become(order: dict[str, Any], code: types.CodeType | None) -> None:
    os.chdir(order["working_folder"])
    if order["argv"] or order["bootstraps"]:
        _execute(order["argv"], order["bootstraps"], order["environ"])
    os.close(_COMPLAINT_FD)
    _run_in_this_interpreter(order["program"], code or _compiled(order["program"]), order["environ"])


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


def _take_streams(log_fd: int, complaint_fd: int, order_fd: int) -> None:
    """Standard output and error, and the descriptor for framed messages, all lead to the environment's log.

    *complaint_fd* stays open until a program runs; *order_fd* (-1: none) for as long as orders may come from it.
    """
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    os.dup2(log_fd, _FRAMES_FD)
    kept = os.dup2(complaint_fd, _COMPLAINT_FD, inheritable=False)
    if order_fd != -1:
        kept = os.dup2(order_fd, _ORDER_FD, inheritable=False)
    os.closerange(3, _FRAMES_FD)
    os.closerange(kept + 1, 1024)


def _seal(seal: dict[str, Any]) -> None:
    # Inherited from process 1, it would hide this process's own entries under /proc, which the next lines write.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
    uid = seal["uid"]
    stays = seal["user_namespace"] and seal["template"]
    if seal["user_namespace"] and not stays:
        # Before the limits: what its creator is limited to, the kernel takes for the limit of the namespace above,
        # which all environments share; 742 processes would be all that they have together.
        _enter_user_namespace(uid)
    for name, (soft, hard) in seal["limits"].items():
        # What processes an ordinary user has in the zygote's namespace, all environments' templates share.
        if not (stays and name == "RLIMIT_NPROC"):
            _limit(getattr(resource, name), soft, hard)
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(seal["oom_score_adj"]))
    # The limit on core files is AWS's, and does not bind a handler that the host may have: let them be empty.
    with open("/proc/self/coredump_filter", "w") as file:
        file.write("0")
    if not seal["user_namespace"]:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    syscalls.prctl(syscalls.PR_CAP_AMBIENT, syscalls.PR_CAP_AMBIENT_CLEAR_ALL)
    syscalls.keep_capabilities(())
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.load_seccomp(base64.b64decode(seal["seccomp"]))
    # Changing ids took it away again.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)


def limit_other(pid: int, limits: dict[str, list[int]]) -> None:
    """Limit a process that executes a program already and cannot do it itself. Raises OSError, ValueError."""
    for name, (soft, hard) in limits.items():
        _limit(getattr(resource, name), soft, hard, pid)


def _limit(kind: int, soft: int, hard: int, pid: int = 0) -> None:
    """Set a limit, or as much of it as an ordinary user may: nobody but root raises a hard limit. *pid* 0: our own."""
    _, present = resource.prlimit(pid, kind)
    if present != resource.RLIM_INFINITY and (hard == resource.RLIM_INFINITY or hard > present):
        hard = present
    if hard != resource.RLIM_INFINITY and (soft == resource.RLIM_INFINITY or soft > hard):
        soft = hard
    resource.prlimit(pid, kind, (soft, hard))


def _enter_user_namespace(uid: int) -> None:
    """A namespace below the zygote's in which we are *uid*, not root, and processes are counted for us alone."""
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    for name, content in (("setgroups", "deny"), ("uid_map", "%d 0 1" % uid), ("gid_map", "%d 0 1" % uid)):
        with open("/proc/self/" + name, "w") as file:
            file.write(content)
    syscalls.drop_bounding_set()


def _compiled(program: str) -> types.CodeType:
    with open(program) as file:
        return compile(file.read(), program, "exec")


def _run_in_this_interpreter(program: str, code: types.CodeType, environ: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    for name in [name for name in sys.modules if name.split(".")[0] == __name__.split(".")[0]]:
        del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if not entry.startswith("/.lamina")]
    sys.argv[:] = [program]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = [sys.executable, program]
    main = types.ModuleType("__main__")
    main.__file__ = program
    sys.modules["__main__"] = main
    exec(code, main.__dict__)  # noqa: S102 - the platform's own file, as `python FILE` would run it
