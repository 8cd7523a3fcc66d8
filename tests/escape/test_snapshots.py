"""Attempts by a template of SnapStart, which may enter the environments made for it, to use what that brings."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from tests.support.attempts import ATTEMPTS, COMES_OF_IT
from tests.support.functions import Answer, create, wait_until
from tests.support.runtimes import NEWEST
from tests.support.server import Server

pytestmark = pytest.mark.skipif(
    int(NEWEST.partition(".")[2]) < 12, reason="no Python that has SnapStart is to be seen here"
)

# A child of the template keeps every descriptor it is handed. Once the environment serves an event it goes in after
# all, keeps the capabilities that this brings, and leaves what came of its attempts for the handler to read.
CODE = """
    import json, os, time
    import lamina_template
    from attempts import kernel, tried

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
                    json.dump(tried(), file)
                os.rename("/tmp/aside", "/tmp/found")
            os._exit(0)
        honest(order, descriptors)

    lamina_template._enter = enter

    def handler(event, context):
        open("/tmp/serving", "w").close()
        end = time.monotonic() + 5
        while not os.path.exists("/tmp/found") and time.monotonic() < end:
            time.sleep(0.01)
        with open("/tmp/found") as file:
            return json.load(file)
"""


def test_capabilities_over_an_environment_of_its_own_lead_no_further(prison: Server) -> None:
    code = {"index.py": textwrap.dedent(CODE).encode(), "attempts.py": ATTEMPTS.encode()}
    function = create(prison, code, Timeout=15, SnapStart={"ApplyOn": "PublishedVersions"})
    wait_until(lambda: function.settled, 30)
    function.client.publish_version(FunctionName=function.name)

    def restored() -> Answer | None:
        answer = function.call(Qualifier="1")
        return answer if "Restore Duration" in answer.report() else None

    found: dict[str, Any] = wait_until(restored, 20).value
    rights = found.pop("rights")
    assert int(rights, 16), "it is not where it would have any, so nothing was shown"
    assert found == COMES_OF_IT


def test_no_descriptor_can_be_sent_to_the_server_by_a_template(prison: Server) -> None:
    """Whoever receives one closes it, and may wait for that as long as its sender likes."""
    code = """
        import array, errno, os, socket
        TRIED = []
        for fd in (64, 65):
            try:
                with socket.socket(fileno=os.dup(fd)) as talking:
                    talking.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
                TRIED.append("sent")
            except OSError as error:
                TRIED.append(errno.errorcode[error.errno])
        def handler(event, context): return TRIED
    """
    function = create(prison, code, Timeout=10, SnapStart={"ApplyOn": "PublishedVersions"})
    wait_until(lambda: function.settled, 30)
    function.client.publish_version(FunctionName=function.name)

    def restored() -> Answer | None:
        answer = function.call(Qualifier="1")
        return answer if "Restore Duration" in answer.report() else None

    # The pipe that its report goes by is no socket at all.
    assert wait_until(restored, 20).value == ["EPIPE", "ENOTSOCK"]


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
