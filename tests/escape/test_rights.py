"""Attempts to get more rights than none."""

from __future__ import annotations

import platform

import pytest

from tests.support.functions import Inside

# Their numbers, on x86_64 and on aarch64.
REFUSED = {
    "ptrace": (101, 117), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "bpf": (321, 280), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "userfaultfd": (323, 282), "open_by_handle_at": (304, 265), "kcmp": (312, 272),
    "name_to_handle_at": (303, 264), "perf_event_open": (298, 241), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "io_setup": (206, 0), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "pidfd_getfd": (438, 438),
    "mount_setattr": (442, 442), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
    "syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112), "sethostname": (170, 161),
    "setdomainname": (171, 162), "quotactl": (179, 60), "fanotify_init": (300, 262), "vhangup": (153, 58),
}  # fmt: skip
NUMBER = 0 if platform.machine() == "x86_64" else 1


def system_call(number: int, *arguments: int) -> int:
    import ctypes
    import os

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), *(ctypes.c_long(argument) for argument in arguments)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return 0


@pytest.mark.parametrize("call", REFUSED)
def test_a_system_call_that_reaches_beyond_the_process_is_refused(inside: Inside, call: str) -> None:
    # Not for bad arguments, which would be EFAULT, EINVAL or EBADF: the filter answers first.
    assert inside.refusal(system_call, REFUSED[call][NUMBER], 0, 0, 0, 0, 0) == "EPERM"


@pytest.mark.parametrize("flag", [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000])
def test_no_process_can_be_started_in_a_namespace_of_its_own(inside: Inside, flag: int) -> None:
    clone = (56, 220)[NUMBER]
    assert inside.refusal(system_call, clone, flag | 17, 0, 0, 0, 0) == "EPERM"
    assert inside.refusal(system_call, 435, 0, 0) == "ENOSYS"


def test_system_calls_newer_than_the_filter_do_not_exist(inside: Inside) -> None:
    for number in (460, 470, 500, 4095):
        assert inside.refusal(system_call, number) == "ENOSYS"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is x86_64's")
def test_numbers_of_another_system_call_table_lead_nowhere(inside: Inside) -> None:
    assert inside.refusal(system_call, 0x40000000 | 165, 0, 0, 0, 0, 0) == "ENOSYS"


@pytest.mark.parametrize("family", [3, 15, 17, 26, 31, 38, 40, 44])
def test_only_ordinary_sockets_can_be_made(inside: Inside, family: int) -> None:
    def make(family: int) -> None:
        import socket

        socket.socket(family, socket.SOCK_RAW).close()

    assert inside.refusal(make, family) == "EAFNOSUPPORT"


def test_raw_sockets_are_refused(inside: Inside) -> None:
    def make(kind: int, protocol: int) -> None:
        import socket

        socket.socket(socket.AF_INET, kind, protocol).close()

    assert inside.refusal(make, 3, 255) == "EPERM"


def test_it_has_no_capability_and_gets_none(inside: Inside) -> None:
    def status() -> dict[str, str]:
        with open("/proc/self/status") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    told = inside.run(status)
    assert {told[f"Cap{name}"] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert told["NoNewPrivs"] == "1"
    assert told["Seccomp"] == "2"
    assert "0" not in told["Uid"].split()
    assert "0" not in told["Gid"].split()
    assert told["Groups"].split() in ([], told["Gid"].split()[:1], ["65534"])


@pytest.mark.parametrize("call", ["setuid", "setgid", "setgroups", "setresuid"])
def test_it_cannot_become_somebody_else(inside: Inside, call: str) -> None:
    def become(call: str) -> None:
        import os

        if call == "setgroups":
            os.setgroups([0])
        elif call == "setresuid":
            os.setresuid(0, 0, 0)
        else:
            getattr(os, call)(0)

    # EINVAL: in a user namespace there is no such user at all.
    assert inside.refusal(become, call) in ("EPERM", "EINVAL")


def test_programs_that_are_setuid_root_gain_nothing(inside: Inside) -> None:
    def identities() -> list[list[str]]:
        import os
        import shutil
        import subprocess

        found = []
        for folder, _, files in os.walk("/usr"):
            for name in files:
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path) and os.stat(path).st_mode & 0o6000:
                    found.append(path)
        told = [found]
        attempts = "su -c id", "sudo -n id", "newgrp root", "mount -t tmpfs x /tmp", "chsh -s /bin/sh", "passwd -d root"
        for attempt in attempts:
            if shutil.which(attempt.split()[0]):
                done = subprocess.run(attempt.split(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
                told.append([attempt, str(done.returncode), done.stdout.decode()])
        return told

    setuid, *tried = inside.run(identities)
    assert setuid, "this machine has none, so nothing was shown"
    # newgrp starts a shell all the same, with the group it had.
    assert [
        attempt for attempt in tried if (attempt[1] == "0" and "newgrp" not in attempt[0]) or "=0" in attempt[2]
    ] == []


def test_a_setuid_program_of_its_own_is_none(inside: Inside) -> None:
    def try_it() -> list[int]:
        import os
        import shutil
        import subprocess

        shutil.copy("/usr/bin/id", "/tmp/id")
        os.chmod("/tmp/id", 0o6755)
        return [os.getuid(), int(subprocess.check_output(["/tmp/id", "-u"]))]

    before, after = inside.run(try_it)
    assert before == after != 0


def test_limits_cannot_be_raised(inside: Inside) -> None:
    def raise_limit(name: str, value: int) -> None:
        import resource

        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except ValueError as error:
            raise PermissionError(1, str(error)) from None

    assert inside.refusal(raise_limit, "RLIMIT_NOFILE", 4096) == "EPERM"
    assert inside.refusal(raise_limit, "RLIMIT_NPROC", 4096) == "EPERM"
    assert inside.refusal(raise_limit, "RLIMIT_MEMLOCK", 1 << 30) == "EPERM"


def test_its_priority_cannot_be_raised(inside: Inside) -> None:
    def nicer() -> None:
        import os

        os.nice(-5)

    def real_time() -> None:
        import os

        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))

    assert inside.refusal(nicer) in ("EPERM", "EACCES")
    assert inside.refusal(real_time) == "EPERM"


def test_it_is_chosen_before_the_server_when_memory_is_short(inside: Inside) -> None:
    def score(wanted: int) -> int:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(wanted))
        with open("/proc/self/oom_score_adj") as file:
            return int(file.read())

    assert inside.refusal(score, -1000) in ("EACCES", "EPERM")
    # It may go back to what the server has, and not below that.
    assert inside.refusal(score, -1) in ("EACCES", "EPERM")
