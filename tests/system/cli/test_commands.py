"""The command as a person types it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lamina import __version__
from tests.support.server import Server

LAMINA = str(Path(sys.executable).with_name("lamina"))
COMMANDS = [
    *("up", "doctor", "run", "shell", "link", "live", "logs", "build", "publish", "check", "diff", "tree", "sbom"),
    *(
        "pull",
        "share",
        "retire",
        "channel",
        "subscribe",
        "unsubscribe",
        "fsck",
        "account",
        "backup",
        "restore",
        "top",
        "demo",
        "completion",
        "runtimes",
    ),
]
# A shell that completes, and a person who asks for help, wait for what is imported.
HEAVY = ("boto3", "botocore", "aiohttp", "asyncio", "sqlalchemy", "rich", "lamina.main", "lamina.wire", "lamina.worker")


def _lamina(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LAMINA, *arguments], capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environ}
    )


def test_version() -> None:
    assert _lamina("--version").stdout == f"lamina {__version__}\n"


def test_python_m_lamina_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "-m", "lamina", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"lamina {__version__}\n"


def test_help_lists_every_command() -> None:
    answer = _lamina("--help").stdout
    assert [command for command in COMMANDS if f"\n  {command} " not in answer] == []
    assert answer.count("\n  ") >= len(COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "lamina", "--help"], capture_output=True, text=True, check=True
    )
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert "lamina.cli" in imported
    assert [name for name in sorted(imported) if name in HEAVY or name.startswith(tuple(f"{h}." for h in HEAVY))] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_examples(command: str) -> None:
    done = _lamina(command, "--help")
    assert done.returncode == 0
    assert f"Examples:\n    {'source <(' if command == 'completion' else ''}lamina {command}" in done.stdout


@pytest.mark.parametrize("arguments", [["nope"], ["up", "--nope"], ["completion", "tcsh"]])
def test_what_makes_no_sense_exits_with_2_and_an_explanation(arguments: list[str]) -> None:
    done = _lamina(*arguments)
    assert done.returncode == 2
    assert "Error" in done.stderr


def test_a_bad_setting_exits_with_2_and_names_it() -> None:
    done = _lamina("up", LAMINA_PORT="http")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "Error: LAMINA_PORT is 'http', but must be a whole number from 0 to 65535 (0 picks a free port)\n"
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell: str) -> None:
    done = _lamina("completion", shell)
    assert done.returncode == 0
    assert "_LAMINA_COMPLETE" in done.stdout


def _in_bash(script: str) -> list[str]:
    environ = {**os.environ, "PATH": f"{Path(LAMINA).parent}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, env=environ
    ).stdout.splitlines()


def test_bash_completes_commands_and_options() -> None:
    script = """
        source <(lamina completion bash)
        complete_with() {
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
            _lamina_completion lamina
            echo "${COMPREPLY[*]}"
        }
        complete_with lamina do
        complete_with lamina up --po
    """
    assert _in_bash(script) == ["doctor", "--port"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_are_offered_the_same(shell: str) -> None:
    # What their scripts ask; the shells themselves need not be installed.
    answer = _lamina(
        _LAMINA_COMPLETE=f"complete_{shell}", _TYPER_COMPLETE_ARGS="lamina d", _TYPER_COMPLETE_FISH_ACTION="get-args"
    )
    assert "doctor" in answer.stdout
    assert "demo" in answer.stdout
    assert "completion" not in answer.stdout


def test_the_option_of_the_same_purpose_knows_the_shell_it_is_in() -> None:
    assert _in_bash("lamina --show-completion; true") == _lamina("completion", "bash").stdout.splitlines()


def test_completion_installs_itself_for_the_shell_it_is_in(tmp_path: Path) -> None:
    script = f"export HOME={tmp_path}; lamina --install-completion; cat {tmp_path}/.bash_completions/lamina.sh"
    assert "complete -o default -F _lamina_completion lamina" in _in_bash(script)


def test_nothing_is_coloured_in_a_pipe() -> None:
    assert "\033[" not in _lamina("doctor").stdout + _lamina("up", LAMINA_PORT="x").stderr


def test_doctor_tells_a_program_the_same_as_a_person() -> None:
    told = _lamina("doctor")
    report = json.loads(_lamina("doctor", "--json").stdout)
    assert told.returncode == 0, told.stdout + told.stderr
    assert {finding["about"] for finding in report["findings"]} == {"isolation", "runtimes", "tools"}
    for finding in report["findings"]:
        # What it says may name the looking process, and there are two.
        assert f"{finding['name']}: " in told.stdout
        assert finding["means"] in told.stdout
        # What is not as it should be comes with what it means and how to get it.
        assert finding["state"] == "ok" or (finding["means"] and finding["mend"])


def test_up_prints_the_line_to_paste_and_stops_with_0(server: Server) -> None:
    assert server.output == [
        f"Lamina {__version__} is ready at {server.endpoint}, state in {server.state}",
        f"export AWS_ENDPOINT_URL={server.endpoint}",
    ]
    assert server.stop() == 0


def test_up_states_every_substitute_that_doctor_names(server: Server) -> None:
    findings = json.loads(_lamina("doctor", "--json").stdout)["findings"]
    substitutes = [finding for finding in findings if finding["state"] == "substitute"]
    for finding in substitutes:
        assert f"substitute: {finding['name']}: " in server.said()
        assert finding["means"] in server.said()
    assert server.said().count("substitute: ") == len(substitutes)


def test_ctrl_c_stops_a_server_with_0(tmp_path: Path) -> None:
    server = Server.start(tmp_path / "state", None, "--quiet")
    assert server.output == [f"export AWS_ENDPOINT_URL={server.endpoint}"]
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(30) == 0, server.said()
    assert "Traceback" not in server.said()
    server.stop()


def test_a_port_in_use_exits_with_3_and_a_hint(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = _lamina("up", "--port", port, "--state", str(tmp_path / "state"))
    assert (done.returncode, done.stdout) == (3, "")
    assert f"port {port} of 127.0.0.1 is in use" in done.stderr
    assert "Hint: " in done.stderr


def test_a_state_folder_in_use_exits_with_4_and_leaves_the_first_server_alone(server: Server) -> None:
    done = _lamina("up", "--port", "0", "--state", str(server.state))
    assert (done.returncode, done.stdout) == (4, "")
    assert str(server.state) in done.stderr
    assert server.client().list_layers()["Layers"] == []


def test_a_state_folder_that_cannot_be_made_exits_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = _lamina("up", "--port", "0", "--state", str(tmp_path / "file" / "state"))
    assert done.returncode in (1, 5)
    assert str(tmp_path / "file") in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_a_command_with_130_and_no_traceback() -> None:
    with subprocess.Popen(
        [LAMINA, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline().startswith("ok")
        # A terminal sends it to everything in the foreground: the demo, its server, pip.
        os.killpg(demo.pid, signal.SIGINT)
        _, errors = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert errors == ""
