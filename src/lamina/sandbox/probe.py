"""What this machine offers for sandboxes: tried, not looked up, because only the kernel knows all its reasons."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from lamina.sandbox import cgroups, host_network, scratch, seccomp, sessions, user_network
from lamina.sandbox.cgroups import Unavailable
from lamina.sandbox.network import Mode

_GUEST: Final = Path(__file__).parent.parent / "guest"
_TRIAL: Final = "import sys; sys.path.insert(0, sys.argv[1]); from guest.trial import main; main()"
_TRIAL_SECONDS_MAX: Final = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. *means* and *mend* say what follows and how to get it, where something is missing."""

    name: str
    state: Literal["ok", "substitute", "missing"]
    says: str
    means: str = ""
    mend: str = ""


def examine(network: Mode = "outbound") -> Sequence[Finding]:
    """Everything a sandbox is made of, on this machine, for this user, with the *network* that functions are to have.

    Leaves nothing behind.
    """
    with tempfile.TemporaryDirectory(prefix="lamina-probe-") as folder:
        return [_architecture(), *_kernel(Path(folder)), _seccomp(), *_groups(), _tmp(Path(folder)), _reach(network)]


def _architecture() -> Finding:
    machine = platform.machine()
    if machine in seccomp.MACHINES:
        return Finding("processor", "ok", machine)
    known = ", ".join(seccomp.MACHINES)
    return Finding("processor", "missing", machine, f"Lamina has system call filters for {known} only.")


def _kernel(folder: Path) -> list[Finding]:
    told = _try_out(folder)
    return [_tried(name, told) for name in _STEPS]


def _try_out(folder: Path) -> Mapping[str, str | None]:
    target = folder / "root"
    target.mkdir()
    command = [sys.executable, "-I", "-S", "-c", _TRIAL, str(_GUEST.parent), str(target)]
    answer = subprocess.run(command, capture_output=True, timeout=_TRIAL_SECONDS_MAX, check=False, env={})
    try:
        told: Mapping[str, str | None] = json.loads(answer.stdout)
    except ValueError:
        return {"user namespace": answer.stderr.decode(errors="replace").strip()[-300:] or "the trial gave no answer"}
    return told


@dataclass(frozen=True, slots=True)
class _Step:
    means: str
    mend: str


_NO_FUNCTIONS: Final = "Functions cannot run."
_STEPS: Final = {
    "user namespace": _Step(
        "An ordinary user's server needs user namespaces to isolate functions. " + _NO_FUNCTIONS,
        "Run it as root, or allow them: `sysctl -w kernel.unprivileged_userns_clone=1` (Debian), "
        "`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu 24.04), "
        "`sysctl -w user.max_user_namespaces=15000`.",
    ),
    "namespaces": _Step(
        _NO_FUNCTIONS, "In a container, give it the right to make namespaces: `docker run --privileged`."
    ),
    "mounts": _Step(
        _NO_FUNCTIONS, "Linux 5.12 or newer is needed; in a container, `docker run --privileged` or a seccomp profile."
    ),
    "overlay": _Step(
        "Layers are merged by overlayfs. " + _NO_FUNCTIONS,
        "Load it: `modprobe overlay`. For an ordinary user Linux 5.11 or newer is needed.",
    ),
    "network": _Step(_NO_FUNCTIONS, "The kernel must let a network namespace bring its loopback interface up."),
    "proc": _Step(
        "A sandbox has a /proc of its own. " + _NO_FUNCTIONS,
        "In a container whose /proc is masked: `docker run --security-opt systempaths=unconfined`, or root.",
    ),
}


def _tried(name: str, told: Mapping[str, str | None]) -> Finding:
    if name not in told:
        return Finding(name, "missing", "not tried, for what is missing above")
    complaint = told[name]
    if complaint is None:
        says = "not needed: root" if name == "user namespace" and os.geteuid() == 0 else "works"
        return Finding(name, "ok", says)
    return Finding(name, "missing", complaint, _STEPS[name].means, _STEPS[name].mend)


def _seccomp() -> Finding:
    if Path("/proc/sys/kernel/seccomp/actions_avail").exists():
        return Finding("seccomp", "ok", "works")
    return Finding(
        "seccomp", "missing", "this kernel has no system call filters", _NO_FUNCTIONS, "CONFIG_SECCOMP_FILTER"
    )


def _groups() -> list[Finding]:
    found = cgroups.find(f"lamina-probe-{os.getpid()}")
    if isinstance(found, Unavailable):
        return [
            Finding(
                "control groups",
                "substitute",
                found.reason,
                "Limits are best effort, for functions one trusts: memory is watched ten times a second and limited by "
                "RLIMIT_DATA, processes are limited by RLIMIT_NPROC in a user namespace per environment, and idle "
                "environments are stopped by signal.",
                "Run as root, or under systemd: `systemd-run --user --scope -p Delegate=yes lamina up`.",
            ),
            _processor_time("no control groups"),
        ]
    found.remove()
    if found.can_freeze:
        return [Finding("control groups", "ok", found.description), _processor_time(found.why_unweighed)]
    return [
        Finding("control groups", "ok", found.description),
        _processor_time(found.why_unweighed),
        Finding(
            "freezing",
            "substitute",
            "idle environments are stopped by signal",
            "A v1 freezer would keep killed processes from ending. A function that arms a timer sending SIGCONT could "
            "run on between two events.",
            "Boot with cgroup v2: `systemd.unified_cgroup_hierarchy=1`.",
        ),
    ]


def _processor_time(why_unweighed: str | None) -> Finding:
    name = "processor time"
    if why_unweighed is None:
        return Finding(name, "ok", "where it is short, environments share it by their memory")
    mend = (
        "The cpu controller beside memory and pids: as root; or for users of systemd `Delegate=cpu memory pids` in "
        "/etc/systemd/system/user@.service.d/lamina.conf, and `systemd-run --user --scope -p Delegate=yes lamina up`."
    )
    if sessions.share_processors():
        means = (
            "Each environment has a share of its own, whatever its memory. A function that begins sessions in it takes "
            "one more with each."
        )
        return Finding(name, "substitute", f"{why_unweighed}: shared among sessions", means, mend)
    means = "A function takes as many shares as it has busy threads, against other functions and the server."
    return Finding(name, "substitute", f"{why_unweighed}: shared among threads", means, mend)


def _reach(network: Mode) -> Finding:
    if network == "none":
        return Finding("outbound network", "ok", "not wanted")
    if network == "host":
        return Finding(
            "outbound network",
            "substitute",
            "functions are on this machine's own network",
            "They reach every service on it, on loopback and by abstract sockets too, and whatever it reaches. The "
            "Runtime API of each environment is at a port of loopback, where other functions and users can reach it.",
            "`lamina up --network outbound` keeps them apart.",
        )
    if os.geteuid() == 0:
        why = host_network.why_not(f"{os.getpid():06x}"[-6:])
        if why is None:
            return Finding("outbound network", "ok", "addresses are translated by the kernel")
        mend = "The kernel needs veth and nf_tables; in a container, `docker run --privileged`."
    else:
        helper = user_network.find_helper()
        if not isinstance(helper, str):
            return Finding("outbound network", "ok", f"by {helper}")
        why, mend = helper, "`apt-get install passt`, and `/dev/net/tun` open to all, as distributions have it."
    return Finding(
        "outbound network", "substitute", why, "Functions reach the server's own API, and nothing else.", mend
    )


def _tmp(folder: Path) -> Finding:
    found = scratch.find(folder / "scratch")
    if isinstance(found, scratch.LoopScratch):
        return Finding("/tmp", "ok", found.description)
    return Finding(
        "/tmp",
        "substitute",
        found.description,
        "Its size is best effort, for functions one trusts: it is watched ten times a second and limited by "
        "RLIMIT_FSIZE for one file. A function is killed, where AWS answers ENOSPC, if it is over its ephemeral "
        "storage, has more than 100,000 files there, or closes a folder there to the server.",
        "Run as root with loop devices and `mke2fs` (package e2fsprogs).",
    )
