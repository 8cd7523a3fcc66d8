"""Builds the root every environment of one runtime shares, and becomes that runtime's zygote in it.

Run by the server's own interpreter, with a plan in JSON on standard input (`lamina.sandbox.plan.ZygotePlan`). The
zygote is process 1 of a pid namespace of its own: when it goes, the kernel takes every environment with it, and as
owner of that namespace even an unprivileged zygote may put its children into further ones.
"""

from __future__ import annotations

import json
import os
import sys

from . import router, syscalls
from .mounts import carry_out
from .netlink import Netlink


def main() -> None:
    plan = json.load(sys.stdin)
    # A server may be more urgent than all else; what its functions do is not, and no control group takes it if it is.
    if os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    if plan["user_namespace"]:
        become_root_of_a_user_namespace()
    # Made before: it speaks for the namespace that we leave.
    outside = Netlink()
    syscalls.unshare(
        syscalls.CLONE_NEWNS
        | syscalls.CLONE_NEWPID
        | syscalls.CLONE_NEWIPC
        | syscalls.CLONE_NEWUTS
        | (0 if plan["network"] == "host" else syscalls.CLONE_NEWNET)
    )
    failure_read, failure_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(failure_read)
        try:
            if plan["router"] is not None:
                router.set_up(plan["router"], outside)
            _build_root(plan)
            # Our own streams are the server's pipes, which would stay open for as long as the zygote lives.
            null = os.open("/dev/null", os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            os.close(null)
            os.execve(plan["argv"][0], plan["argv"], plan["environ"])
        except BaseException as error:  # noqa: BLE001 - the server is told, whatever it was
            os.write(failure_write, str(error).encode())
        os._exit(1)
    os.close(failure_write)
    # The pipe closes on execve: silence is success. The orphan falls to the server, which is a child subreaper.
    failure = os.read(failure_read, 4096)
    if failure:
        os.waitpid(pid, 0)
        sys.stderr.write(failure.decode(errors="replace"))
        os._exit(1)
    os._exit(0)


def become_root_of_a_user_namespace() -> None:
    """Have every right over namespaces made from here on, and none over anything that was there before."""
    uid, gid = os.getuid(), os.getgid()
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    # An unprivileged process may map just its own ids, and the group only once setgroups(2) is given up.
    for name, content in (("setgroups", "deny"), ("uid_map", "0 %d 1" % uid), ("gid_map", "0 %d 1" % gid)):
        with open("/proc/self/" + name, "w") as file:
            file.write(content)


def _build_root(plan: dict) -> None:  # type: ignore[type-arg]
    root = plan["mount_point"]
    syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("tmpfs", root, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "size=32m,mode=0755")
    os.umask(0o022)
    carry_out(plan["operations"], root)
    os.chdir(root)
    # pivot_root(2) onto itself stacks the old root on the new one; the lazy unmount then takes it away.
    syscalls.pivot_root(".", ".")
    syscalls.umount(".")
    os.chdir("/")
    syscalls.restrict_mount("/", syscalls.MOUNT_ATTR_RDONLY, recursive=False)
