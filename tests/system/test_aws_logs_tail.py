"""`aws logs tail`, which only version 2 of the command has, as people follow their functions with it."""

from __future__ import annotations

import os
import platform
import pty
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.fetching import aws_cli
from tests.support.functions import create
from tests.support.server import REGION, Server

TALKER = "def handler(event, context): print('said', event)\n"

pytestmark = [
    pytest.mark.anybody,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the command's layer is made for x86-64 only"),
]


@pytest.fixture(scope="module")
def aws() -> str:
    return str(aws_cli())


def _environ(server: Server) -> dict[str, str]:
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_PAGER": "",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def test_what_was_said_is_shown_and_filtered(shared_server: Server, aws: str) -> None:
    function = create(shared_server, TALKER)
    function.value("hello")
    command = [aws, "logs", "tail", f"/aws/lambda/{function.name}", "--since", "5m", "--format", "short"]
    environ = _environ(shared_server)
    shown = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=True).stdout
    words = [line.split(" ", 1)[1].split()[0] for line in shown.splitlines()]
    assert words == ["INIT_START", "START", "said", "END", "REPORT"]
    command += ["--filter-pattern", "said"]
    shown = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=True).stdout
    assert [line.split(" ", 1)[1] for line in shown.splitlines()] == ["said hello"]


@pytest.mark.slow
def test_following_shows_what_comes(shared_server: Server, aws: str) -> None:
    function = create(shared_server, TALKER)
    function.value(0)
    # Into a pipe, it holds back what it has to show until that is much.
    ours, its = pty.openpty()
    command = [aws, "logs", "tail", f"/aws/lambda/{function.name}", "--follow", "--format", "short", "--color", "off"]
    with subprocess.Popen(
        command, stdout=its, stderr=its, stdin=subprocess.DEVNULL, env=_environ(shared_server)
    ) as tail:
        os.close(its)
        try:
            said = (line.split(" ", 1)[1] for line in _lines(ours) if " said " in line)
            for number in range(3):
                # It looks every five seconds.
                assert next(said) == f"said {number}"
                function.value(number + 1)
        finally:
            tail.kill()
            os.close(ours)


def _lines(terminal: int) -> Iterator[str]:
    held = b""
    while True:
        held += os.read(terminal, 65536)
        *lines, held = held.split(b"\n")
        yield from (line.decode().rstrip("\r") for line in lines)
