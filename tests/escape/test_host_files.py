"""Attempts to read what belongs to the host, to the server, or to nobody inside."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.escape.conftest import SECRET
from tests.support.functions import Inside
from tests.support.runtimes import NEWEST
from tests.support.server import Server


def read(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(4096).decode("latin-1")


def listing(path: str) -> list[str]:
    import os

    return sorted(os.listdir(path))


def everything_below(root: str) -> list[str]:
    """Every readable file's name but those of the system, the interpreter and the kernel."""
    import os

    found = []
    for folder, folders, files in os.walk(root):
        if folder == "/":
            folders[:] = [
                name for name in folders if name not in ("proc", "usr", "lib", "lib64", "bin", "sbin", "lib32")
            ]
        if folder == "/var":
            folders[:] = [name for name in folders if name not in ("lang", "runtime")]
        found += [os.path.join(folder, name) for name in files]
    return found


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/hostname", "/etc/machine-id", "/etc/ssh/ssh_config",
        "/root/.bashrc", "/home", "/var/lib", "/var/log", "/var/run", "/run", "/srv", "/mnt", "/media", "/boot",
        "/sys/kernel", "/sys/fs/cgroup", "/dev/mem", "/dev/kmem", "/dev/sda", "/dev/vda", "/dev/loop0",
        "/dev/loop-control", "/dev/fuse", "/dev/kvm", "/dev/kmsg", "/dev/tty", "/dev/ptmx", "/dev/shm", "/dev/net/tun",
        "/usr/local/bin", "/usr/src", "/lib/modules/../../../root",
    ],
)  # fmt: skip
def test_a_path_of_the_host_is_not_there(inside: Inside, path: str) -> None:
    assert inside.refusal(listing if os.path.isdir(path) else read, path) in ("ENOENT", "EACCES", "ENOTDIR")


@pytest.mark.parametrize(
    "path",
    [
        "/proc/kcore", "/proc/kallsyms", "/proc/kmsg", "/proc/keys", "/proc/key-users", "/proc/timer_list",
        "/proc/sched_debug", "/proc/modules", "/proc/config.gz", "/proc/1/environ", "/proc/1/maps", "/proc/1/mem",
        "/proc/1/cwd/etc/shadow", "/proc/1/root/etc/shadow", "/proc/self/root/etc/shadow", "/proc/1/fd/0",
        "/proc/slabinfo", "/proc/vmallocinfo",
    ],
)  # fmt: skip
def test_what_the_kernel_tells_of_the_host_is_empty_or_closed(inside: Inside, path: str) -> None:
    text, refused = inside.outcome(read, path)
    assert text == "" or refused in ("ENOENT", "EACCES", "EPERM", "EIO", "EISDIR", "ENOTDIR")


@pytest.mark.parametrize("path", ["/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname"])
def test_the_kernels_switches_cannot_be_moved(inside: Inside, path: str) -> None:
    def write(path: str) -> None:
        with open(path, "w") as file:
            file.write("x")

    _, refused = inside.outcome(write, path)
    # What can be written stands on /dev/null.
    assert refused in ("EACCES", "EPERM", "EROFS", "ENOENT") or inside.run(read, path) == ""


def test_of_the_kernels_files_only_its_own_processes_can_be_written(inside: Inside) -> None:
    def open_to_write() -> list[str]:
        import os

        found = []
        for folder, folders, files in os.walk("/proc"):
            if folder == "/proc":
                folders[:] = [name for name in folders if not name.isdigit() or name == "1"]
            folders[:] = [name for name in folders if name not in ("task", "fd", "map_files", "fdinfo")]
            for name in files:
                try:
                    os.close(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_NONBLOCK))
                except OSError:
                    continue
                found.append(os.path.join(folder, name))
        return found

    masked = ("/proc/keys", "/proc/key-users", "/proc/kallsyms", "/proc/timer_list", "/proc/config.gz", "/proc/modules")
    found = [path for path in inside.run(open_to_write) if path not in masked]
    # These are open to everybody, and ask for a right when they are written.
    found = [path for path in found if not path.startswith(("/proc/pressure/", "/proc/1/attr/"))]
    found = [path for path in found if path not in ("/proc/1/timerslack_ns", "/proc/sys/kernel/ns_last_pid")]
    if os.geteuid() == 0:
        assert found == []
    else:
        # An ordinary user's function has the id of its process 1, and may spoil that, but nothing else.
        assert {path for path in found if not path.startswith("/proc/1/")} == set()


def test_the_state_folder_and_the_checkout_are_not_there(inside: Inside, prison: Server) -> None:
    for path in (prison.state, prison.state.parent, Path(__file__).parent, Path.home(), Path.cwd()):
        if path != Path("/"):
            assert inside.refusal(listing, str(path)) in ("ENOENT", "EACCES"), path


def test_outside_of_the_system_there_are_only_the_files_we_put_there(inside: Inside) -> None:
    found = [
        path
        for path in inside.run(everything_below, "/")
        if not path.startswith(("/etc/alternatives/", "/etc/ssl/certs/", "/etc/fonts/", "/etc/pki/"))
    ]
    assert set(found) - {"/dev/stdin", "/dev/stdout", "/dev/stderr"} <= {
        *(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")),
        *(f"/etc/{name}" for name in ("group", "hosts", "nsswitch.conf", "passwd", "resolv.conf")),
        *(f"/etc/{name}" for name in ("ld.so.cache", "localtime", "mime.types", "protocols", "services")),
        "/lambda-entrypoint.sh",
        "/var/task/index.py",
        f"/var/task/__pycache__/index.cpython-{NEWEST.removeprefix('python').replace('.', '')}.pyc",
    }
    assert ".lamina" not in inside.run(listing, "/") or inside.run(listing, "/.lamina") == []


def test_the_users_of_the_host_are_not_told(inside: Inside) -> None:
    users = inside.run(read, "/etc/passwd").splitlines()
    assert users[0].startswith("root:x:0:0:")
    assert all(re.match(r"sbx_user\d+:", line) for line in users[1:-1])


def test_a_link_in_tmp_leads_nowhere_but_inside(inside: Inside) -> None:
    def through(target: str) -> str:
        import os

        link = "/tmp/link"
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(target, link)
        with open(link) as file:
            return file.read()

    assert inside.refusal(through, "/etc/shadow") == "ENOENT"
    assert inside.refusal(through, "../../../../../../../../etc/shadow") == "ENOENT"
    assert inside.refusal(through, "/proc/1/root/etc/shadow") in ("ENOENT", "EACCES", "EPERM")


def test_a_descriptor_of_the_servers_is_not_inherited(inside: Inside) -> None:
    def descriptors() -> list[str]:
        import os

        found = []
        for number in os.listdir("/proc/self/fd"):
            try:
                found.append(f"{number} {os.readlink('/proc/self/fd/' + number)}")
            except OSError:
                pass
        return found

    allowed = r"\d+ (/dev/null|pipe:\[\d+\]|socket:\[\d+\]|/proc/\d+/fd|/dev/urandom)"
    found = inside.run(descriptors)
    assert [line for line in found if not re.fullmatch(allowed, line)] == []
    # The one to the Runtime API; the channel to the server is process 1's.
    assert sum("socket:" in line for line in found) == 1


@pytest.mark.parametrize("path", ["/proc/self/environ", "/proc/1/environ"])
def test_the_servers_environment_is_not_to_be_seen(inside: Inside, path: str) -> None:
    text, refused = inside.outcome(read, path)
    assert refused in ("EACCES", "EPERM") or SECRET not in (text or "")


def test_no_secret_of_the_server_is_in_the_memory_of_the_function(inside: Inside) -> None:
    def found_in_memory(halves: list[str]) -> list[str]:
        import re

        needle = halves[0].encode() + halves[1].encode()
        hits = []
        with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
            for line in maps:
                match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                if match:
                    start, end = (int(part, 16) for part in match.groups())
                    try:
                        memory.seek(start)
                        data = memory.read(end - start)
                    except (OSError, ValueError, OverflowError):
                        continue
                    # What was read just now is in memory, too.
                    if needle in data and "heap" not in line and data.count(needle) > 5:
                        hits.append(line)
        return hits

    half = len(SECRET) // 2
    assert inside.run(found_in_memory, [SECRET[:half], SECRET[half:]]) == []


def test_the_environment_of_the_function_is_only_the_functions(inside: Inside) -> None:
    def names() -> list[str]:
        import os

        with open("/proc/self/environ", "rb") as file:
            from_the_kernel = file.read().decode("latin-1")
        return [*os.environ, *(entry.partition("=")[0] for entry in from_the_kernel.split("\0") if entry)]

    told = set(inside.run(names))
    assert not {name for name in told if name.startswith(("LAMINA", "PYTEST", "HOME", "USER", "SUDO", "SSH", "XDG"))}


def test_what_the_mount_table_tells_is_known(inside: Inside, prison: Server) -> None:
    # A bind mount names its place on the file system it comes from; the kernel has no way to hide that. It tells a
    # function where the state folder is, and nothing of what is in it. No mount of the host's own is among them.
    targets = [line.split()[4] for line in inside.run(read_all, "/proc/self/mountinfo").splitlines()]
    known = re.compile(
        r"/|/proc(/.*)?|/tmp|/opt|/var/(task|runtime|lang)(/.*)?|/usr/.*|/(bin|sbin|lib|lib32|lib64|libx32)"
        r"|/dev/(null|zero|full|random|urandom)|/etc/[a-z./]+"
    )
    assert [target for target in targets if not known.fullmatch(target)] == []


def read_all(path: str) -> str:
    with open(path) as file:
        return file.read()
