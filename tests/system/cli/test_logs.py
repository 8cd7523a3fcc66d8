"""`lamina logs` as a person types it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lamina.cli.failures import Failure
from tests.support.functions import create, unique
from tests.support.server import Server

LAMINA = str(Path(sys.executable).with_name("lamina"))
TALKER = "def handler(event, context): print(event['say'])\n"


def _environ(server: Server | None) -> dict[str, str]:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    return {
        **environ,
        "AWS_ENDPOINT_URL": server.endpoint if server else "http://127.0.0.1:9",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _logs(server: Server | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LAMINA, "logs", *arguments], capture_output=True, text=True, timeout=60, env=_environ(server), check=False
    )


def test_it_shows_what_a_function_said(shared_server: Server) -> None:
    function = create(shared_server, TALKER)
    function.value({"say": "hello\nworld"})
    done = _logs(shared_server, function.name)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line) for line in lines)
    words = [line.split(" ", 2)[1] for line in lines]
    assert words == ["INIT_START", "START", "hello", "world", "END", "REPORT"]
    filtered = _logs(shared_server, function.name, "--filter", "world", "--json", "--since", "1h")
    (line,) = filtered.stdout.splitlines()
    assert json.loads(line)["message"] == "world\n"
    assert _logs(shared_server, f"/aws/lambda/{function.name}", "--filter", "nothing").stdout == ""


def test_it_knows_the_log_group_of_a_functions_choice_and_logs_that_outlive_their_function(
    shared_server: Server,
) -> None:
    function = create(shared_server, TALKER, LoggingConfig={"LogGroup": unique("chosen")})
    assert _logs(shared_server, function.name).stdout == "", "it has said nothing yet"
    function.value({"say": "hello"})
    assert " hello\n" in _logs(shared_server, function.name).stdout
    gone = create(shared_server, TALKER)
    gone.value({"say": "last words"})
    gone.client.delete_function(FunctionName=gone.name)
    assert " last words\n" in _logs(shared_server, gone.name).stdout


def test_following_shows_what_comes_until_ctrl_c(shared_server: Server) -> None:
    function = create(shared_server, TALKER)
    function.value({"say": "before"})
    with subprocess.Popen(
        [LAMINA, "logs", function.name, "--follow", "--filter", "-RequestId -INIT_START"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environ(shared_server),
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().endswith(" before\n")
            for number in range(3):
                function.value({"say": f"n{number}"})
                assert process.stdout.readline().endswith(f" n{number}\n")
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=60)
            assert (rest, errors, process.returncode) == ("", "", 130)
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nothing"], Failure.FAILED, "there is no function nothing"),
        (["/nothing"], Failure.FAILED, "The specified log group does not exist."),
        (["nothing", "--since", "soon"], Failure.USAGE, "--since 'soon' is no time"),
        (["/nothing", "--filter", "a-b"], Failure.FAILED, "Invalid character(s) in term 'a-b'"),
    ],
)
def test_what_cannot_be_shown_is_explained(shared_server: Server, arguments: list[str], code: int, said: str) -> None:
    done = _logs(shared_server, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["/aws/lambda/f", "f"])
def test_a_server_that_does_not_answer_is_told(name: str) -> None:
    done = _logs(None, name)
    assert done.returncode == Failure.FAILED
    assert done.stderr.startswith("Error: nothing answers at http://127.0.0.1:9\nHint: Start a server with `lamina up`")


def test_an_address_that_is_none_is_told() -> None:
    done = _logs(None, "f", "--endpoint", "localhost:4566")
    assert done.returncode == Failure.USAGE
    assert done.stderr.startswith("Error: 'localhost:4566' is no address of a server\nHint: Such as http")
