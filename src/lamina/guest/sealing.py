"""What holds a process that runs a customer's code: limits, an id with no right left, the calls it may make.

Order matters and is that of the kernel's rules: limits and ids while there still are capabilities, the seccomp filter
last, because it forbids most of the calls before it.
"""

from __future__ import annotations

import base64
import os
import resource
from typing import Any, NamedTuple

from . import syscalls

_KEPT_BY_INIT = (syscalls.CAP_KILL, syscalls.CAP_SETUID, syscalls.CAP_SETGID, syscalls.CAP_SETPCAP)


class Seal(NamedTuple):
    """The rights that are left (`lamina.sandbox.plan.Seal`). A uid of -1: that of nobody yet."""

    uid: int
    user_namespace: bool
    limits: dict[str, tuple[int, int]]
    seccomp: bytes
    oom_score_adj: int
    template: bool

    @classmethod
    def of(cls, message: dict[str, Any]) -> Seal:
        """The one in a *message* of the worker's."""
        return cls(**{**message, "seccomp": base64.b64decode(message["seccomp"])})

    def further(self, uid: int, limits: dict[str, tuple[int, int]]) -> Seal:
        """The same for *uid*, with *limits* beside or instead of some."""
        return self._replace(uid=uid, limits={**self.limits, **limits})


def relinquish_init(user_namespace: bool) -> None:
    """What process 1 gives up once the mounts stand: all but starting and stopping processes of another user."""
    kept: tuple[int, ...] = _KEPT_BY_INIT
    if user_namespace:
        # It has to make a user namespace for the function, and map its own id 0 into it, for which the kernel wants
        # CAP_SETFCAP; both are rights over its own namespace only, which owns nothing outside.
        kept = (*kept, syscalls.CAP_SYS_ADMIN, syscalls.CAP_SETFCAP)
    syscalls.keep_capabilities(kept)


def apply(seal: Seal) -> None:
    """Give up every right but what *seal* leaves. The zygote has seen to it that no program brings any back."""
    # Inherited from process 1, it would hide this process's own entries under /proc, which the next lines write.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
    uid = seal.uid
    stays = seal.user_namespace and seal.template
    if seal.user_namespace and not stays:
        # Before the limits: what its creator is limited to, the kernel takes for the limit of the namespace above,
        # which all environments share; 742 processes would be all that they have together.
        _enter_user_namespace(uid)
    # What processes an ordinary user has in the zygote's namespace, all environments' templates share.
    limit({name: pair for name, pair in seal.limits.items() if not (stays and name == "RLIMIT_NPROC")})
    syscalls.write("/proc/self/oom_score_adj", seal.oom_score_adj)
    # The limit on core files is AWS's, and does not bind a handler that the host may have: let them be empty.
    syscalls.write("/proc/self/coredump_filter", 0)
    if not seal.user_namespace:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    syscalls.prctl(syscalls.PR_CAP_AMBIENT, syscalls.PR_CAP_AMBIENT_CLEAR_ALL)
    syscalls.keep_capabilities(())
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.load_seccomp(seal.seccomp)
    # Changing ids took it away again.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)


def limit(limits: dict[str, tuple[int, int]], pid: int = 0) -> None:
    """Set limits, or as much of them as an ordinary user may: nobody but root raises a hard limit.

    *pid* is a process that executes a program already and cannot do it itself; 0: ours. Raises OSError, ValueError.
    """
    for name, pair in limits.items():
        kind = getattr(resource, name)
        hard = _lower(pair[1], resource.prlimit(pid, kind)[1])
        resource.prlimit(pid, kind, (_lower(pair[0], hard), hard))


def _lower(wanted: int, limit: int) -> int:
    if limit == resource.RLIM_INFINITY or (wanted != resource.RLIM_INFINITY and wanted <= limit):
        return wanted
    return limit


def _enter_user_namespace(uid: int) -> None:
    """A namespace below the zygote's in which we are *uid*, not root, and processes are counted for us alone."""
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    for name, content in (("setgroups", "deny"), ("uid_map", "%d 0 1" % uid), ("gid_map", "%d 0 1" % uid)):
        syscalls.write("/proc/self/" + name, content)
    # A new user namespace gives all of it back.
    syscalls.drop_bounding_set()
