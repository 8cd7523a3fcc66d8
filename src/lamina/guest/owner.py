"""A user namespace that belongs to a function's user, for environments that a template's children enter.

Whoever runs as its owner outside of it may enter it, and what is made in it, without any right of his own
(user_namespaces(7)). So a process that gave up everything can still move into the empty environment that was made for
it, and nowhere else.
"""

from __future__ import annotations

import os

from . import syscalls


def fork_as_owner(owner: int, seen_as: int) -> int:
    """fork(2): the child is process 1 of a pid namespace in a user namespace that *owner* owns, and there *seen_as*.

    Returns like fork; in the parent the number is that of a go-between that has ended already.
    """
    between = os.fork()
    if between:
        _, status = os.waitpid(between, 0)
        if status:
            raise OSError("no environment could be made for user %d: status %d" % (owner, status))
        return between
    try:
        _enter(owner, seen_as)
        syscalls.unshare(syscalls.CLONE_NEWPID)
        pid = os.fork()
    except BaseException:  # noqa: BLE001 - this process is nobody's to unwind
        os._exit(1)
    if pid:
        os._exit(0)
    return 0


def _enter(owner: int, seen_as: int) -> None:
    permitted = _permitted()
    if owner != os.geteuid():
        # The effective id is the owner's; the others stay root's, so that nothing the function runs may signal us.
        os.setresgid(-1, owner, -1)
        os.setresuid(-1, owner, -1)
        syscalls.set_capabilities(permitted)
    # Changing ids hid this process's entries under /proc from itself.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", "%d %d 1" % (seen_as, owner)),
        ("gid_map", "%d %d 1" % (seen_as, owner)),
    ):
        with open("/proc/self/" + name, "w") as file:
            file.write(content)


def _permitted() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1], 16) for line in file if line.startswith("CapPrm:"))
