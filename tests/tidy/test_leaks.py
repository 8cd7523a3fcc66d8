"""The check that fails a leaking run sees what it is there to see."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lamina.guest import netlink
from lamina.guest.netlink import Netlink
from lamina.sandbox import nftables
from tests.support import leaks

pytestmark = pytest.mark.alone


def test_a_forgotten_grandchild_is_seen_after_its_parent_has_gone(tmp_path: Path) -> None:
    before = leaks.look(tmp_path)
    forgetful = "import subprocess; print(subprocess.Popen(['sleep', '4321'], stdout=subprocess.DEVNULL).pid)"
    pid = int(subprocess.run([sys.executable, "-c", forgetful], stdout=subprocess.PIPE, check=True).stdout)
    try:
        assert any("sleep 4321" in line for line in leaks.look(tmp_path).since(before))
    finally:
        os.kill(pid, signal.SIGKILL)
    assert _of_this_test(leaks.left_behind(before, tmp_path)) == []


def _of_this_test(lines: list[str]) -> list[str]:
    """*lines* without those of servers, which the session shares or another run has."""
    return [line for line in lines if "lamina" not in line and "interface lm" not in line]


def test_a_process_that_calls_itself_something_else_is_seen(tmp_path: Path) -> None:
    before = leaks.look(tmp_path)
    with subprocess.Popen(["sleep", "4321"], executable="/bin/sleep", start_new_session=True) as process:
        assert len(leaks.look(tmp_path).processes - before.processes) == 1
        process.kill()


def test_a_listening_socket_is_seen_and_a_closed_one_is_not(tmp_path: Path) -> None:
    before = leaks.look(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert str(listener.getsockname()[1]) in "".join(leaks.look(tmp_path).since(before))
    assert _of_this_test(leaks.look(tmp_path).since(before)) == []


def test_a_thread_that_never_ends_is_seen(tmp_path: Path) -> None:
    before = leaks.look(tmp_path)
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="forgotten")
    thread.start()
    assert "forgotten" in "".join(leaks.look(tmp_path).since(before))
    over.set()
    thread.join()


def test_what_is_just_going_away_is_waited_for(tmp_path: Path) -> None:
    before = leaks.look(tmp_path)
    with subprocess.Popen(["sleep", "0.3"]):
        assert _of_this_test(leaks.left_behind(before, tmp_path)) == []


@pytest.mark.root
def test_a_control_group_is_seen_unless_it_is_somebody_elses(tmp_path: Path) -> None:
    before = leaks.look(tmp_path)
    parent = next(
        path for path in (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup")) if (path / "cgroup.procs").exists()
    )
    group = parent / f"lamina-test-{os.getpid()}"
    group.mkdir()
    try:
        assert any(str(group) in line for line in leaks.look(tmp_path).since(before))
    finally:
        group.rmdir()
    assert not any(str(group) in line for line in leaks.look(tmp_path).since(before))


@pytest.mark.root
def test_an_interface_and_filters_of_a_server_of_this_run_are_seen_and_those_of_others_are_not(tmp_path: Path) -> None:
    before = leaks.look(tmp_path)
    state = tmp_path / "run" / "state"
    state.mkdir(parents=True)
    (state / "catalog.db").touch()
    tag = hashlib.sha256(str(state).encode()).hexdigest()[:6]
    ours, theirs = f"lm{tag}1", "lm0000001"
    filters = Netlink(netlink.NETFILTER)
    for name, end in ((ours, "lm0000002"), (theirs, "lm0000003")):
        subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", "name", end], check=True)
    try:
        for name in (f"lamina-{tag}", "lamina-000000"):
            batch = nftables.table(name, [], owned=True)
            filters.do_together(batch.data, batch.answers)
        # Other tests' servers begin meanwhile, and have control groups.
        seen = [line for line in leaks.look(tmp_path).since(before) if line.startswith("networks:")]
        assert seen == [f"networks: filters lamina-{tag}", f"networks: interface {ours}"]
    finally:
        filters.close()
        for name in (ours, theirs):
            subprocess.run(["ip", "link", "delete", name], check=True)
    assert leaks.left_behind(before, tmp_path) == []
