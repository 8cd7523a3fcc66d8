"""SnapStart: versions whose environments are forked from one that was initialised when they were published."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support import leaks
from tests.support.functions import Answer, Function, create, layer, wait_until
from tests.support.runtimes import INSTALLED, NEWEST
from tests.support.server import Server

pytestmark = pytest.mark.skipif(
    int(NEWEST.partition(".")[2]) < 12,
    reason=f"no Python that has SnapStart is to be seen here: {', '.join(INSTALLED)}",
)

SNAP_START = {"ApplyOn": "PublishedVersions"}
CODE = """
    import ctypes, errno, json, os, random, secrets, socket, ssl, time, uuid
    from snapshot_restore_py import register_after_restore, register_before_snapshot

    drawn = str(uuid.uuid4())
    ssl.RAND_bytes(8)
    hooks = []
    open("/tmp/left-by-init", "w").write("here")
    os.mkdir("/tmp/folder")
    open("/tmp/folder/too", "w").write("deep")
    listener = socket.create_server(("127.0.0.1", 0))
    connected = socket.create_connection(listener.getsockname())

    @register_before_snapshot
    def before():
        hooks.append("before")

    @register_after_restore
    def after():
        hooks.append("after")

    def handler(event, context):
        return globals()[event["do"]](*event.get("with", []))

    def look():
        time.sleep(0.3)
        status = dict(line.strip().split(":", 1) for line in open("/proc/self/status"))
        return {
            "drawn": drawn,
            "hooks": hooks,
            "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
            "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
            "key": os.environ["AWS_ACCESS_KEY_ID"],
            "stream": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
            "folder": os.getcwd(),
            "random": random.random(),
            "secret": secrets.token_hex(),
            "openssl": ssl.RAND_bytes(16).hex(),
            "tmp": sorted(os.listdir("/tmp")) + os.listdir("/tmp/folder"),
            "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
            "rights": [status[name].strip() for name in ("CapPrm", "CapEff", "CapInh", "NoNewPrivs")],
        }

    def refused():
        kernel = ctypes.CDLL(None, use_errno=True)
        def call(name, *arguments):
            return getattr(kernel, name)(*arguments) and errno.errorcode[ctypes.get_errno()]
        namespace = os.open("/proc/self/ns/user", os.O_RDONLY)
        found = {
            "setns": call("setns", namespace, 0),
            "unshare": call("unshare", 0x10000000),
            "mount": call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
            "umount": call("umount2", b"/opt", 2),
        }
        for name, family, level in (("netlink", socket.AF_NETLINK, 0), ("packet", 17, 0)):
            try:
                socket.socket(family, socket.SOCK_RAW, level)
            except OSError as error:
                found[name] = errno.errorcode[error.errno]
        try:
            os.kill(1, 9)
        except OSError as error:
            found["kill"] = errno.errorcode[error.errno]
        try:
            open("/proc/1/mem", "rb")
        except OSError as error:
            found["memory of process 1"] = errno.errorcode[error.errno]
        try:
            os.listdir("/.lamina") and found.update(stage="seen")
        except OSError as error:
            found["stage"] = errno.errorcode[error.errno]
        return found

    def use_connection():
        try:
            connected.sendall(b"x")
            return "sent"
        except OSError as error:
            return errno.errorcode[error.errno]

    def listen(port):
        global held
        held = socket.create_server(("0.0.0.0", port))
        time.sleep(1)

    def reach(port):
        time.sleep(0.3)
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.3)
            return "reached"
        except OSError as error:
            return errno.errorcode[error.errno]

    def crash():
        os._exit(3)

    def sleep():
        time.sleep(60)
"""


def publish(function: Function) -> dict[str, Any]:
    """The version's configuration once it is no longer Pending."""
    wait_until(lambda: function.settled, 30)
    version = function.client.publish_version(FunctionName=function.name)
    assert version["State"] == "Pending"

    def configuration() -> dict[str, Any]:
        told: dict[str, Any] = function.client.get_function_configuration(
            FunctionName=function.name, Qualifier=version["Version"]
        )
        return told

    wait_until(lambda: configuration()["State"] != "Pending", 30)
    return configuration()


@pytest.fixture(scope="module")
def function(shared_server: Server) -> Function:
    made = create(shared_server, CODE, runtime=NEWEST, SnapStart=SNAP_START, Timeout=5)
    assert publish(made)["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    return made


def call(function: Function, do: str, *arguments: Any, qualifier: str = "1") -> Answer:
    return function.call({"do": do, "with": arguments}, Qualifier=qualifier)


def at_once(*calls: Callable[[], Answer]) -> list[Answer]:
    with ThreadPoolExecutor(len(calls)) as threads:
        answers = list(threads.map(lambda each: each(), calls))
    assert not [answer.raw for answer in answers if answer.error]
    return answers


@pytest.fixture(scope="module")
def three(function: Function) -> list[dict[str, Any]]:
    """What three environments see, there at the same time: on a busy machine, calls may follow each other."""
    seen: dict[str, dict[str, Any]] = {}

    def all_of_them() -> bool:
        for answer in at_once(*[lambda: call(function, "look")] * 3):
            seen[answer.value["key"]] = answer.value
        return len(seen) >= 3

    wait_until(all_of_them, 30)
    return list(seen.values())[:3]


def test_latest_has_no_snapshot(function: Function) -> None:
    latest = function.client.get_function_configuration(FunctionName=function.name)
    assert latest["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    answer = function.call({"do": "look"})
    assert answer.value["type"] == "on-demand"
    assert answer.value["hooks"] == []


def test_all_environments_of_a_version_have_what_one_initialisation_made(three: list[dict[str, Any]]) -> None:
    assert len({seen["drawn"] for seen in three}) == 1
    assert {seen["type"] for seen in three} == {"snap-start"}
    assert {seen["version"] for seen in three} == {"1"}
    assert {seen["folder"] for seen in three} == {"/var/task"}


def test_hooks_run_once_before_the_snapshot_and_in_each_environment_behind_it(three: list[dict[str, Any]]) -> None:
    assert [seen["hooks"] for seen in three] == [["before", "after"]] * 3


@pytest.mark.parametrize("own", ["key", "stream", "random", "secret", "openssl"])
def test_what_must_not_be_shared_is_each_environments_own(three: list[dict[str, Any]], own: str) -> None:
    assert len({seen[own] for seen in three}) == 3


def test_each_has_a_tmp_of_its_own_that_begins_as_the_snapshots(three: list[dict[str, Any]]) -> None:
    assert [seen["tmp"] for seen in three] == [["folder", "left-by-init", "too"]] * 3


def test_each_is_alone_and_without_rights(three: list[dict[str, Any]]) -> None:
    assert [seen["processes"] for seen in three] == [2] * 3
    assert {tuple(seen["rights"]) for seen in three} == {("0" * 16, "0" * 16, "0" * 16, "1")}


def test_a_restored_environment_cannot_go_where_its_template_could(function: Function) -> None:
    assert call(function, "refused").value == {
        "setns": "EPERM",
        "unshare": "EPERM",
        "mount": "EPERM",
        "umount": "EPERM",
        "netlink": "EAFNOSUPPORT",
        "packet": "EAFNOSUPPORT",
        "kill": "EPERM",
        "memory of process 1": "EACCES",
    }


def test_a_connection_made_before_the_snapshot_is_dead_behind_it(function: Function) -> None:
    assert call(function, "use_connection").value in ("EPIPE", "ENOTCONN")


def test_no_environment_reaches_the_ports_of_another(function: Function) -> None:
    _, reached = at_once(lambda: call(function, "listen", 7070), lambda: call(function, "reach", 7070))
    assert reached.value == "ECONNREFUSED"


@pytest.mark.parametrize(
    ("do", "error", "words"),
    [("crash", "Runtime.ExitError", "exit status 3"), ("sleep", "Sandbox.Timedout", "5.00 seconds")],
)
def test_what_fails_is_used_no_more_and_the_next_is_restored(
    function: Function, do: str, error: str, words: str
) -> None:
    before = call(function, "look").value
    failed = call(function, do)
    assert json.loads(failed.raw)["errorType"] == error
    assert words in failed.raw.decode()
    after = [answer.value for answer in at_once(*[lambda: call(function, "look")] * 3)]
    assert before["stream"] not in {seen["stream"] for seen in after}
    assert {seen["drawn"] for seen in after} == {before["drawn"]}


def test_the_log_tells_of_the_restore(function: Function) -> None:
    answers = at_once(*[lambda: call(function, "look")] * 8)
    restored = [answer for answer in answers if "Restore Duration" in answer.report()]
    assert restored, "eight at once were more than there were environments"
    for answer in restored:
        assert "RESTORE_REPORT Restore Duration: " in answer.log
        assert answer.report()["Restore Duration"].endswith(" ms")
        assert answer.report()["Billed Restore Duration"].endswith(" ms")
    assert not [answer for answer in answers if "Init Duration" in answer.report()]
    assert "RESTORE" not in call(function, "look").log


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True, name='beat').start()",
            "beat",
        ),
        ("", "extensions"),
    ],
)
def test_what_cannot_be_forked_is_initialised_in_each_environment(
    shared_server: Server, code: str, reason: str
) -> None:
    layers = [layer(shared_server, {"extensions/idle": b"#!/bin/sh\nexit 0\n"})] if reason == "extensions" else []
    body = "import os\nfrom snapshot_restore_py import register_after_restore\nhooks = []\n"
    body += "register_after_restore(lambda: hooks.append('after'))\n"
    body += "def handler(event, context): return [os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'], hooks]\n"
    made = create(shared_server, body + code, runtime=NEWEST, SnapStart=SNAP_START, Layers=layers)
    told = publish(made)
    assert told["State"] == "Active"
    assert told["SnapStart"]["OptimizationStatus"] == "Off"
    assert reason in told["LastUpdateStatusReason"]
    if not layers:
        assert made.call({}, Qualifier="1").value == ["snap-start", ["after"]]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise ValueError('not today')\n", "not today"),
        ("import os\nos._exit(7)\n", "exit status 7"),
        (
            "from snapshot_restore_py import register_before_snapshot\nregister_before_snapshot(lambda: 1 / 0)\n",
            "division",
        ),
    ],
)
def test_a_version_that_cannot_be_initialised_fails(shared_server: Server, code: str, words: str) -> None:
    made = create(shared_server, code + "def handler(event, context): return 1\n", runtime=NEWEST, SnapStart=SNAP_START)
    told = publish(made)
    assert (told["State"], told["StateReasonCode"]) == ("Failed", "FunctionError")
    assert words in told["StateReason"]


def test_a_hook_that_fails_behind_the_restore_fails_the_invocation(shared_server: Server) -> None:
    code = """
        from snapshot_restore_py import register_after_restore
        def raising():
            raise ValueError("no restore")
        register_after_restore(raising)
        def handler(event, context):
            return 1
    """
    made = create(shared_server, code, runtime=NEWEST, SnapStart=SNAP_START)
    assert publish(made)["State"] == "Active"
    answer = made.call({}, Qualifier="1")
    assert answer.error == "Unhandled"
    assert "no restore" in answer.raw.decode()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    with Server.started(tmp_path / "state") as server:
        yield server


def test_a_template_goes_with_its_version(own: Server) -> None:
    made = create(own, CODE, runtime=NEWEST, SnapStart=SNAP_START)
    call(made, "use_connection", qualifier="$LATEST")
    wait_until(lambda: made.settled, 30)
    before = set(leaks.descendants(own.process.pid))
    publish(made)
    assert call(made, "look").value["hooks"] == ["before", "after"]
    templates = {pid for pid in set(leaks.descendants(own.process.pid)) - before if _below(pid)}
    made.client.delete_function(FunctionName=made.name, Qualifier="1")
    wait_until(lambda: not templates & set(leaks.descendants(own.process.pid)), 20)


def _below(pid: int) -> bool:
    """Whether processes of several environments run below *pid*: only a template's process 1 has such."""
    return len(leaks.descendants(pid)) > 2


@pytest.mark.parametrize("whole", [True, False], ids=["with its environments", "alone"])
def test_a_template_that_is_killed_is_made_again(own: Server, whole: bool) -> None:
    made = create(own, CODE, runtime=NEWEST, SnapStart=SNAP_START)
    publish(made)
    first = call(made, "look").value["drawn"]
    for init in _inits_of_templates(own):
        for pid in [init] if whole else _beside(init):
            os.kill(pid, signal.SIGKILL)

    def drawn_anew() -> bool:
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda _: call(made, "look"), range(4)))
        return bool({answer.value["drawn"] for answer in answers if answer.error is None} - {first})

    # Environments that go on serve some of as many calls; the others need new ones.
    wait_until(drawn_anew, 30)


def _inits_of_templates(server: Server) -> list[int]:
    zygote_or_template = [pid for pid in leaks.descendants(server.process.pid) if _below(pid)]
    depth = max(_depth(pid) for pid in zygote_or_template)
    return [pid for pid in zygote_or_template if _depth(pid) == depth]


def _beside(init: int) -> list[int]:
    """The processes in the pid namespace of *init* that nobody else there has come from."""
    inside = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.readlink(entry / "ns/pid") == os.readlink(f"/proc/{init}/ns/pid"):
                inside.add(int(entry.name))
    return [pid for pid in inside - {init} if not inside.intersection(leaks.descendants(pid))]


def _depth(pid: int) -> int:
    """How many pid namespaces it is in."""
    status = Path(f"/proc/{pid}/status").read_text()
    return len(next(line for line in status.splitlines() if line.startswith("NSpid:")).split())


def test_the_next_server_takes_a_snapshot_of_its_own(tmp_path: Path) -> None:
    with Server.started(tmp_path / "state") as server:
        made = create(server, CODE, runtime=NEWEST, SnapStart=SNAP_START)
        publish(made)
        first = call(made, "look").value["drawn"]
    with Server.started(tmp_path / "state", {"LAMBDA_KEEPALIVE_MS": "0"}) as server:
        made = made.on(server)
        told = made.client.get_function_configuration(FunctionName=made.name, Qualifier="1")
        assert told["SnapStart"]["OptimizationStatus"] == "On"
        # Until it is taken, environments are initialised one by one.
        assert call(made, "look").value["hooks"] == ["before", "after"]

        def restored() -> str | None:
            seen = call(made, "look")
            return seen.value["drawn"] if "Restore Duration" in seen.report() else None

        assert wait_until(restored, 20) != first


def test_a_restored_environment_may_have_as_many_processes_as_any(shared_server: Server) -> None:
    code = """
        import resource
        def handler(event, context):
            return resource.getrlimit(resource.RLIMIT_NPROC)
    """
    made = create(shared_server, code, runtime=NEWEST, SnapStart=SNAP_START)
    publish(made)
    assert made.call(None, Qualifier="1").value == made.value() == [742, 742]
