"""`lamina top` beside a running server."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.functions import Function, create
from tests.support.server import Server

LAMINA = str(Path(sys.executable).with_name("lamina"))


def _top(server: Server, *options: str) -> list[str]:
    return [LAMINA, "top", "--state", str(server.state), "--interval", "0.3", *options]


@contextmanager
def _calling(function: Function) -> Iterator[None]:
    """Somebody who calls *function*, one call after the other."""
    over = threading.Event()

    def call() -> None:
        while not over.is_set():
            function.call({})

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_once_tells_rates_counts_and_environments(shared_server: Server) -> None:
    function = create(shared_server, "def handler(event, context):\n    return 1 / event.get('by', 1)\n")
    assert function.call({"by": 0}).error == "Unhandled"
    with _calling(function):
        done = subprocess.run(_top(shared_server, "--once", "--json"), capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    row = next(row for row in told["functions"] if row["function"] == function.name)
    assert row["rate"] > 0
    assert 0 < row["p50_ms"] <= row["p99_ms"]
    assert (row["errors"], row["cold"], row["throttles"]) == (1, 1, 0)
    assert row["calls"] > 1
    assert row["busy"] + row["idle"] == 1
    assert sum(told["environments"].values()) >= 1
    if row["memory_bytes"] is not None:
        assert row["memory_bytes"] > 1 << 20


def test_in_a_pipe_it_is_a_plain_table(shared_server: Server) -> None:
    function = create(shared_server, "def handler(event, context):\n    return 1\n")
    function.value({})
    done = subprocess.run(_top(shared_server, "--once"), capture_output=True, text=True, check=True)
    assert "\x1b" not in done.stdout
    assert re.search(rf"\b{function.name} .* 1 +0 +1 +0 +0 +1 ", done.stdout), done.stdout


def test_on_a_terminal_it_is_renewed_until_ctrl_c_and_leaves_the_screen_as_it_was(shared_server: Server) -> None:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "150", "LINES": "40"}
    process = subprocess.Popen(_top(shared_server), stdout=theirs, stdin=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    shown = b""
    try:
        deadline = time.monotonic() + 30
        # Of two looks: one is not renewed.
        while shown.count(b"calls/s") < 2:
            assert select.select([ours], [], [], deadline - time.monotonic())[0], shown
            shown += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        while True:
            try:
                if not (more := os.read(ours, 65536)):
                    break
            except OSError:
                # What Linux says of a terminal that nobody has open any more.
                break
            shown += more
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert b"\x1b[?1049h" in shown
    assert shown.rstrip().endswith((b"\x1b[?1049l", b"\x1b[?25h"))


def test_without_a_server_it_says_how_to_have_one(tmp_path: Path) -> None:
    done = subprocess.run([LAMINA, "top", "--state", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "lamina up" in done.stderr
