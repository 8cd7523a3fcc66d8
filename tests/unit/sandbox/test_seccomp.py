"""The system call filter, run by a small interpreter of BPF: what each call is answered, on both processors."""

from __future__ import annotations

import errno
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import pytest

from lamina.sandbox import seccomp
from lamina.sandbox.seccomp import _AARCH64, _ARCHITECTURES, _X86_64, MACHINES, program

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "i386": 0x40000003, "arm": 0x40000028}
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
REFUSED = {"x86_64": _X86_64, "aarch64": _AARCH64}
CLONE = {"x86_64": 56, "aarch64": 220}
SOCKET = {"x86_64": 41, "aarch64": 198}
SOCKETPAIR = {"x86_64": 53, "aarch64": 199}
IOCTL = {"x86_64": 16, "aarch64": 29}
PERSONALITY = {"x86_64": 135, "aarch64": 92}
SIGCHLD = 17
NAMESPACES = {
    "CLONE_NEWNS": 0x00020000,
    "CLONE_NEWCGROUP": 0x02000000,
    "CLONE_NEWUTS": 0x04000000,
    "CLONE_NEWIPC": 0x08000000,
    "CLONE_NEWUSER": 0x10000000,
    "CLONE_NEWPID": 0x20000000,
    "CLONE_NEWNET": 0x40000000,
}
# What the C library passes to make a thread, and to fork.
THREAD = 0x003D0F00
FORK = 0x01200000 | SIGCHLD

everywhere = pytest.mark.parametrize("machine", MACHINES)


@dataclass(frozen=True)
class _Instruction:
    code: int
    if_true: int
    if_false: int
    operand: int


def decoded(machine: str, template: bool = False) -> list[_Instruction]:
    return [_Instruction(*fields) for fields in struct.iter_unpack("=HBBI", program(machine, template=template))]


def verdict(machine: str, number: int, *arguments: int, audit: int | None = None, template: bool = False) -> int:
    """What the filter for *machine* returns for a call; classic BPF as seccomp(2) allows it, and nothing more."""
    six = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack(
        "=iIQ6Q",
        struct.unpack("=i", struct.pack("=I", number & 0xFFFFFFFF))[0],
        AUDIT[machine] if audit is None else audit,
        0x7F0000000000,
        *(argument & 0xFFFFFFFFFFFFFFFF for argument in six),
    )
    code, at, accumulator = decoded(machine, template), 0, 0
    while True:
        step = code[at]
        at += 1
        if step.code == 0x20:  # BPF_LD | BPF_W | BPF_ABS
            assert step.operand % 4 == 0
            (accumulator,) = struct.unpack_from("=I", data, step.operand)
        elif step.code == 0x54:  # BPF_ALU | BPF_AND | BPF_K
            accumulator &= step.operand
        elif step.code == 0x06:  # BPF_RET | BPF_K
            return step.operand
        else:
            holds = {
                0x15: accumulator == step.operand,  # BPF_JEQ
                0x25: accumulator > step.operand,  # BPF_JGT
                0x45: bool(accumulator & step.operand),  # BPF_JSET
            }[step.code]
            at += step.if_true if holds else step.if_false


def refused_with(number: int) -> int:
    return ERRNO | number


@pytest.mark.parametrize(
    ("machine", "name"), [(machine, name) for machine in MACHINES for name in sorted(REFUSED[machine])]
)
def test_what_reaches_beyond_a_process_is_refused(machine: str, name: str) -> None:
    assert verdict(machine, REFUSED[machine][name]) == refused_with(errno.EPERM)


@everywhere
def test_everything_else_below_the_ceiling_is_allowed(machine: str) -> None:
    special = {SOCKET[machine], SOCKETPAIR[machine], 435}
    for number in range(453):
        if number not in special and number not in REFUSED[machine].values():
            assert verdict(machine, number) == ALLOW, number


@everywhere
def test_calls_newer_than_the_list_do_not_exist(machine: str) -> None:
    assert verdict(machine, 452) == ALLOW
    for number in (453, 462, 1000, 0x3FFFFFFF, 0x7FFFFFFF, -1):
        assert verdict(machine, number) == refused_with(errno.ENOSYS), number


def test_the_numbers_of_x32_do_not_exist() -> None:
    for number in (0, *_X86_64.values(), CLONE["x86_64"]):
        assert verdict("x86_64", number | 0x40000000) == refused_with(errno.ENOSYS)


@everywhere
def test_the_calls_of_another_processor_kill(machine: str) -> None:
    for name, audit in AUDIT.items():
        if name != machine:
            assert verdict(machine, 0, audit=audit) == KILL, name


@everywhere
@pytest.mark.parametrize("flag", NAMESPACES)
def test_clone_makes_no_namespace(machine: str, flag: str) -> None:
    for with_others in (0, FORK, THREAD, 0xFFFFFFFF00000000):
        flags = NAMESPACES[flag] | with_others
        assert verdict(machine, CLONE[machine], flags) == refused_with(errno.EPERM)


@everywhere
def test_clone_makes_threads_and_processes(machine: str) -> None:
    for flags in (SIGCHLD, FORK, THREAD, 0x00004111):
        assert verdict(machine, CLONE[machine], flags) == ALLOW


@everywhere
def test_clone3_is_absent_for_its_flags_cannot_be_seen(machine: str) -> None:
    assert verdict(machine, 435) == refused_with(errno.ENOSYS)


@everywhere
def test_sockets_are_for_this_machine_and_the_internet(machine: str) -> None:
    allowed = {1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK"}
    for family in range(64):
        expected = ALLOW if family in allowed else refused_with(errno.EAFNOSUPPORT)
        assert verdict(machine, SOCKET[machine], family, 1, 0) == expected, family
        expected = ALLOW if family == 1 else refused_with(errno.EAFNOSUPPORT)
        assert verdict(machine, SOCKETPAIR[machine], family, 1, 0) == expected, family


@everywhere
def test_of_netlink_routes_alone_can_be_asked_for(machine: str) -> None:
    for protocol in range(32):
        expected = ALLOW if protocol == 0 else refused_with(errno.EAFNOSUPPORT)
        assert verdict(machine, SOCKET[machine], 16, 3, protocol) == expected, protocol
        # The protocol of the other families is the kernel's business.
        assert verdict(machine, SOCKET[machine], 2, 1, protocol) == ALLOW


@everywhere
def test_a_family_is_the_lower_half_of_its_argument_as_for_the_kernel(machine: str) -> None:
    assert verdict(machine, SOCKET[machine], (1 << 32) | 40) == refused_with(errno.EAFNOSUPPORT)
    assert verdict(machine, SOCKET[machine], (1 << 32) | 2) == ALLOW


@everywhere
def test_no_huge_pages_are_to_be_had(machine: str) -> None:
    """They are set aside for the whole machine, and nothing counts who has how many."""
    mapped, in_a_file = {"x86_64": (9, 319), "aarch64": (222, 279)}[machine]
    for size in (0, 21 << 26, 30 << 26):
        assert verdict(machine, mapped, 0, 1 << 21, 3, 0x40022 | size) == refused_with(errno.ENOMEM)
        assert verdict(machine, in_a_file, 0, 0x4 | size) == refused_with(errno.EINVAL)
    assert verdict(machine, mapped, 0, 1 << 21, 3, 0x22) == ALLOW
    assert verdict(machine, in_a_file, 0, 0x3) == ALLOW


@everywhere
def test_nothing_is_typed_into_a_terminal(machine: str) -> None:
    for request, expected in (
        (0x5412, refused_with(errno.EPERM)),  # TIOCSTI
        (0x541C, refused_with(errno.EPERM)),  # TIOCLINUX
        (0xFFFFFFFF00005412, refused_with(errno.EPERM)),
        (0x5413, ALLOW),  # TIOCGWINSZ
        (0x5401, ALLOW),  # TCGETS
    ):
        assert verdict(machine, IOCTL[machine], 0, request) == expected, hex(request)


@everywhere
def test_a_number_in_the_wrong_argument_of_ioctl_means_nothing(machine: str) -> None:
    assert verdict(machine, IOCTL[machine], 0x5412, 0x5401) == ALLOW


@everywhere
def test_personality_is_asked_for_but_not_loosened(machine: str) -> None:
    for value in (0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF):
        assert verdict(machine, PERSONALITY[machine], value) == ALLOW
    for value in (0x0040000, 0x0400000, 0x4):  # ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, …
        assert verdict(machine, PERSONALITY[machine], value) == refused_with(errno.EPERM)


@everywhere
@pytest.mark.parametrize("template", [False, True])
def test_the_kernel_takes_the_program(machine: str, template: bool) -> None:
    code = decoded(machine, template)
    assert len(code) <= 4096
    for at, step in enumerate(code):
        if step.code in (0x15, 0x25, 0x45):
            assert at + 1 + max(step.if_true, step.if_false) < len(code), "a jump beyond the end"
    assert code[-1] == _Instruction(0x06, 0, 0, ALLOW)


def test_both_processors_refuse_the_same_but_for_what_only_one_has() -> None:
    only_on_x86 = {
        "create_module", "get_kernel_syms", "ioperm", "iopl", "modify_ldt", "query_module", "_sysctl", "sysfs",
        "uselib", "ustat",
    }  # fmt: skip
    assert set(_X86_64) - set(_AARCH64) == only_on_x86
    assert set(_AARCH64) <= set(_X86_64)


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        ("aarch64", "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_the_numbers_are_those_of_the_kernels_headers(machine: str, header: str) -> None:
    if not Path(header).exists():
        pytest.skip(f"{header} is not installed")
    text = Path(header).read_text()
    numbers = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", text)}
    architecture = _ARCHITECTURES[machine]
    ours = {**REFUSED[machine], "clone3": seccomp._CLONE3}
    others = ("clone", "socket", "socketpair", "ioctl", "personality", "mmap", "memfd_create")
    ours |= {name: getattr(architecture, name) for name in others}
    # Headers older than this list lack the newest.
    known = {name: number for name, number in ours.items() if name in numbers}
    assert len(ours) - len(known) <= 3
    assert known == {name: numbers[name] for name in known}


SETSOCKOPT = {"x86_64": 54, "aarch64": 208}


@everywhere
def test_a_template_may_enter_namespaces_and_is_refused_whatever_else_is(machine: str) -> None:
    for name, number in REFUSED[machine].items():
        expected = ALLOW if name == "setns" else refused_with(errno.EPERM)
        assert verdict(machine, number, template=True) == expected, name


@everywhere
def test_a_template_sets_up_no_network(machine: str) -> None:
    for protocol in range(32):
        answer = verdict(machine, SOCKET[machine], 16, 3, protocol, template=True)
        assert answer == refused_with(errno.EAFNOSUPPORT), protocol
    for level in (0, 1, 6, 17, 41, 255):
        for option in (*range(256), 1152, 0xFFFFFFFF):
            answer = verdict(machine, SETSOCKOPT[machine], 3, level, option, template=True)
            refused = level in (0, 41) and (option in (64, 65, 96, 97) or option > 127)
            assert answer == (refused_with(errno.EPERM) if refused else ALLOW), (level, option)
            assert verdict(machine, SETSOCKOPT[machine], 3, level, option) == ALLOW


@everywhere
def test_a_template_has_the_sockets_of_a_process_without_rights(machine: str) -> None:
    for family in (1, 2, 10):
        for kind in range(16):
            for flags in (0, 0x80800):
                answer = verdict(machine, SOCKET[machine], family, kind | flags, 0, template=True)
                assert answer == (ALLOW if kind in (1, 2, 5) else refused_with(errno.EPERM)), kind


@everywhere
def test_a_template_asks_of_interfaces_and_changes_none(machine: str) -> None:
    # SIOCATMARK, SIOCGIFNAME, SIOCGIFCONF, SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFMTU, SIOCGIFHWADDR, SIOCGIFINDEX
    for request in (0x8905, 0x8910, 0x8912, 0x8913, 0x8915, 0x8921, 0x8927, 0x8933, 0x5421, 0x541B, 0x5401, 0xC0046686):
        assert verdict(machine, IOCTL[machine], 3, request, template=True) == ALLOW, hex(request)
    # SIOCADDRT, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFHWADDR, SIOCETHTOOL, SIOCBRADDBR, SIOCADDTUNNEL, SIOCSIWFREQ
    for request in (0x890B, 0x8914, 0x8916, 0x8924, 0x8946, 0x89A0, 0x89F1, 0x8B04):
        assert verdict(machine, IOCTL[machine], 3, request, template=True) == refused_with(errno.EPERM), hex(request)
        assert verdict(machine, IOCTL[machine], 3, request) == ALLOW
    assert verdict(machine, IOCTL[machine], 3, 0x5412, template=True) == refused_with(errno.EPERM)
