"""Tries what a sandbox is built from, one step after the other, in a process made for it.

Prints a JSON object: step -> the kernel's complaint, or null where it went well. Steps behind one that failed are left
out. Run by `lamina.sandbox.probe`; argument: a folder of this user's to mount on.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Callable

from . import network, syscalls
from .enter import become_root_of_a_user_namespace
from .mounts import StepFailed, carry_out


def main() -> None:
    folder = sys.argv[-1]
    told: dict[str, str | None] = {}
    for name, step in _STEPS:
        try:
            step(folder)
            told[name] = None
        except (OSError, StepFailed) as error:
            told[name] = str(error)
            break
    json.dump(told, sys.stdout)


def _user_namespace(_folder: str) -> None:
    if os.geteuid() != 0:
        become_root_of_a_user_namespace()


def _namespaces(_folder: str) -> None:
    syscalls.unshare(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWPID | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS)


def _mounts(folder: str) -> None:
    syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.mount("tmpfs", folder, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "size=1m,mode=0755")
    carry_out([["folder", "/usr"], ["bind_read_only", "/usr", "/usr"], ["folder", "/proc"]], folder)


def _overlay(folder: str) -> None:
    lower = "lowerdir={root}/one:{root}/two,redirect_dir=nofollow,metacopy=off"
    folders = [["folder", path] for path in ("/one", "/two", "/opt")]
    carry_out([*folders, ["overlay", "/opt", lower]], folder)


def _network(_folder: str) -> None:
    for listener in network.enter("none", 0, ""):
        listener.close()


def _proc(folder: str) -> None:
    # Only a process of the new pid namespace can mount its /proc, and the first of those is our child.
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            carry_out([["proc", "/proc"]], folder)
        except StepFailed as error:
            os.write(write, str(error).encode())
        os._exit(0)
    os.close(write)
    complaint = os.read(read, 4096).decode()
    os.waitpid(pid, 0)
    if complaint:
        raise OSError(complaint)


_STEPS: tuple[tuple[str, Callable[[str], None]], ...] = (
    ("user namespace", _user_namespace),
    ("namespaces", _namespaces),
    ("mounts", _mounts),
    ("overlay", _overlay),
    ("network", _network),
    ("proc", _proc),
)
