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

    What the owner runs may look at this while it happens, and has every right over a process in that namespace but the
    one to open it: that ends at processes that do not let themselves be dumped. So nobody here ever does, and the ids
    are mapped from outside.
    """
    ready_read, ready_write = os.pipe2(os.O_CLOEXEC)
    mapped_read, mapped_write = os.pipe2(os.O_CLOEXEC)
    between = os.fork()
    if between:
        for fd in (ready_write, mapped_read):
            os.close(fd)
        failure = _map_when_ready(between, owner, seen_as, ready_read, mapped_write)
        _, status = os.waitpid(between, 0)
        if status or failure is not None:
            raise OSError("no environment could be made for user %d: status %d, %s" % (owner, status, failure))
        return between
    try:
        for fd in (ready_read, mapped_write):
            os.close(fd)
        _enter(owner)
        os.write(ready_write, b".")
        if not os.read(mapped_read, 1):
            os._exit(1)
        for fd in (ready_write, mapped_read):
            os.close(fd)
        syscalls.unshare(syscalls.CLONE_NEWPID)
        pid = os.fork()
    except BaseException:  # noqa: BLE001 - this process is nobody's to unwind
        os._exit(1)
    if pid:
        os._exit(0)
    return 0


def _enter(owner: int) -> None:
    permitted = _permitted()
    if owner != os.geteuid():
        # The effective id is the owner's; the others stay root's, so that nothing the function runs may signal us.
        os.setresgid(-1, owner, -1)
        os.setresuid(-1, owner, -1)
        syscalls.set_capabilities(permitted)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    # No program that is executed from here on brings a right back.
    syscalls.drop_bounding_set()


def _map_when_ready(pid: int, owner: int, seen_as: int, ready: int, mapped: int) -> OSError | None:
    """Map the ids of *pid* once it is in its user namespace, and let it go on; what went wrong, if anything did."""
    ids = "%d %d 1" % (seen_as, owner)
    try:
        if not os.read(ready, 1):
            return None
        for name, content in (("setgroups", "deny"), ("uid_map", ids), ("gid_map", ids)):
            with open("/proc/%d/%s" % (pid, name), "w") as file:
                file.write(content)
        os.write(mapped, b".")
    except OSError as error:
        return error
    finally:
        # Without a word it ends.
        os.close(ready)
        os.close(mapped)
    return None


def _permitted() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1], 16) for line in file if line.startswith("CapPrm:"))
