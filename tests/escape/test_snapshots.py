"""Attempts by a template of SnapStart, which may enter the environments made for it, to use what that brings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.functions import Answer, create, wait_until
from tests.support.runtimes import NEWEST
from tests.support.server import Server

pytestmark = pytest.mark.skipif(
    int(NEWEST.partition(".")[2]) < 12, reason="no Python that has SnapStart is to be seen here"
)

# A child of the template keeps every descriptor it is handed. Once the environment serves an event it goes in after
# all, keeps the capabilities that this brings, and leaves what came of its attempts for the handler to read.
CODE = """
    import ctypes, errno, fcntl, json, os, socket, struct, time
    import lamina_template

    kernel = ctypes.CDLL(None, use_errno=True)
    honest = lamina_template._enter

    def enter(order, descriptors):
        if os.fork() == 0:
            user, mounts = descriptors[:2]
            kernel.setns(user, 0)
            kernel.setns(mounts, 0)
            while not os.path.exists("/tmp/serving"):
                time.sleep(0.01)
            for namespace in descriptors[2:-1]:
                kernel.setns(namespace, 0)
            if os.fork() == 0:
                with open("/tmp/aside", "w") as file:
                    json.dump({name: outcome(attempt) for name, attempt in ATTEMPTS.items()}, file)
                os.rename("/tmp/aside", "/tmp/found")
            os._exit(0)
        honest(order, descriptors)

    lamina_template._enter = enter

    def outcome(attempt):
        try:
            return attempt()
        except OSError as error:
            return errno.errorcode[error.errno]

    def call(name, *arguments):
        if getattr(kernel, name)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), name)
        return "done"

    def asked(request, data):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            fcntl.ioctl(asking, request, data)
        return "done"

    def made(*kind):
        socket.socket(*kind).close()
        return "done"

    def rights():
        with open("/proc/self/status") as file:
            return next(line.split()[1] for line in file if line.startswith("CapEff"))

    address = b"eth0".ljust(16, b"\\0") + struct.pack("=HH4s8x", 2, 0, bytes((169, 254, 9, 9)))
    ATTEMPTS = {
        "rights": rights,
        "raw": lambda: made(socket.AF_INET, socket.SOCK_RAW, 1),
        "packet": lambda: made(17, socket.SOCK_RAW, 0),
        "netlink": lambda: made(socket.AF_NETLINK, socket.SOCK_RAW, 0),
        "address": lambda: asked(0x8916, address),
        "bridge": lambda: asked(0x89A0, b"bridge\\0".ljust(16, b"\\0")),
        "route": lambda: asked(0x890B, bytes(120)),
        "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "uncover": lambda: call("umount2", b"/.lamina", 2),
        "chroot": lambda: call("chroot", b"/tmp"),
        "device": lambda: os.mknod("/tmp/device", 0o060666, os.makedev(8, 0)),
        "memory of process 1": lambda: open("/proc/1/mem", "rb").close(),
        "files of process 1": lambda: os.readlink("/proc/1/fd/0"),
        "root of process 1": lambda: os.listdir("/proc/1/root"),
        "host": lambda: open("/proc/sys/kernel/core_pattern", "w").close(),
        "stage": lambda: os.listdir("/.lamina"),
        "users": lambda: os.setresuid(0, 0, 0),
    }

    def handler(event, context):
        open("/tmp/serving", "w").close()
        end = time.monotonic() + 5
        while not os.path.exists("/tmp/found") and time.monotonic() < end:
            time.sleep(0.01)
        with open("/tmp/found") as file:
            return json.load(file)
"""


def test_capabilities_over_an_environment_of_its_own_lead_no_further(prison: Server) -> None:
    function = create(prison, CODE, Timeout=15, SnapStart={"ApplyOn": "PublishedVersions"})
    wait_until(lambda: function.settled, 30)
    function.client.publish_version(FunctionName=function.name)

    def restored() -> Answer | None:
        answer = function.call(Qualifier="1")
        return answer if "Restore Duration" in answer.report() else None

    found: dict[str, Any] = wait_until(restored, 20).value
    rights = found.pop("rights")
    assert int(rights, 16), "it is not where it would have any, so nothing was shown"
    assert found == {
        "raw": "EPERM",
        "packet": "EAFNOSUPPORT",
        "netlink": "EAFNOSUPPORT",
        "address": "EPERM",
        "bridge": "EPERM",
        "route": "EPERM",
        "mount": "EPERM",
        "uncover": "EPERM",
        "chroot": "EPERM",
        "device": "EPERM",
        "memory of process 1": "EACCES",
        "files of process 1": "EACCES",
        "root of process 1": "EACCES",
        "host": "EACCES",
        "stage": [],
        "users": "EINVAL",
    }


def test_a_template_has_the_limits_of_its_function(prison: Server) -> None:
    code = """
        import mmap, time
        held = [mmap.mmap(-1, 1 << 20) for _ in range(600)]
        for each in held:
            each[::4096] = b"x" * 256
        time.sleep(1)
        def handler(event, context): return len(held)
    """
    function = create(prison, code, MemorySize=128, Timeout=10, SnapStart={"ApplyOn": "PublishedVersions"})
    wait_until(lambda: function.settled, 30)
    function.client.publish_version(FunctionName=function.name)

    def state() -> str | None:
        told = function.client.get_function_configuration(FunctionName=function.name, Qualifier="1")["State"]
        return told if told != "Pending" else None

    assert wait_until(state, 20) == "Failed"
