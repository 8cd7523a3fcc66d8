"""`lamina shell` as a person types it, at a terminal and in a script."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from lamina.cli.failures import Failure

LAMINA = str(Path(sys.executable).with_name("lamina"))


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    folder = tmp_path / "layer"
    (folder / "python").mkdir(parents=True)
    (folder / "python" / "greeting.py").write_text("WORD = 'hello'\n")
    (tmp_path / "tmp").mkdir()
    return folder


def _environ(layer: Path) -> dict[str, str]:
    temporary = str(layer.parent / "tmp")
    return {**os.environ, "TMPDIR": temporary, "LAMINA_STATE": str(layer.parent / "none"), "TERM": "dumb"}


def _run(layer: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [LAMINA, "shell", "--layer", str(layer), *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        env=_environ(layer),
        check=False,
    )
    assert list((layer.parent / "tmp").iterdir()) == [], "nothing stays"
    return done


def test_a_command_runs_where_a_function_would_and_its_status_is_ours(layer: Path) -> None:
    command = "ls /opt/python; id -un; pwd; cat; echo $AWS_LAMBDA_FUNCTION_MEMORY_SIZE; echo wrong >&2; exit 3"
    done = _run(layer, "--command", command, "--memory", "200", typed="from outside\n")
    lines = done.stdout.splitlines()
    assert (lines[0], lines[2:], done.stderr) == ("greeting.py", ["/var/task", "from outside", "200"], "wrong\n")
    assert lines[1].startswith("sbx_user"), "not the user of this machine"
    assert done.returncode == 3


def test_what_is_piped_in_is_run_by_the_shell_or_the_interpreter(layer: Path) -> None:
    assert _run(layer, typed="echo $((1 + 2))\nexit 4").stdout == "3\n"
    done = _run(layer, "--repl", typed="import greeting\nprint(greeting.WORD, greeting.__file__)\n")
    assert (done.stdout, done.stderr, done.returncode) == ("hello /opt/python/greeting.py\n", "", 0)


def test_it_ends_with_128_and_the_number_of_a_signal(layer: Path) -> None:
    assert _run(layer, "--command", "kill -9 $$").returncode == 128 + 9


def test_at_a_terminal_it_has_one_of_its_own_and_gives_ours_back(layer: Path) -> None:
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (33, 77))
    before = termios.tcgetattr(slave)
    process = subprocess.Popen(
        [LAMINA, "shell", "--layer", str(layer)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=_environ(layer),
        start_new_session=True,
    )
    try:
        _expect(master, b"lamina:/var/task")
        os.write(master, b"stty size\n")
        _expect(master, b"33 77")
        # What it prints is not what is typed, which the terminal echoes before anything runs.
        os.write(master, b"sh -c 'echo st''arted; exec sleep 600'\n")
        _expect(master, b"started")
        os.write(master, b"\x03")
        os.write(master, b"echo st''opped; exit 5\n")
        _expect(master, b"stopped")
        assert process.wait(30) == 5
        assert termios.tcgetattr(slave) == before
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)


def _expect(master: int, wanted: bytes) -> None:
    """Read until *wanted* has come."""
    seen = b""
    deadline = time.monotonic() + 30
    while wanted not in seen:
        ready, _, _ = select.select([master], [], [], deadline - time.monotonic())
        assert ready, f"no {wanted!r} in {seen!r}"
        seen += os.read(master, 4096)


def test_what_cannot_be_had_is_told(layer: Path) -> None:
    done = _run(layer, "--repl", "--command", "x")
    assert (done.returncode, done.stdout) == (Failure.USAGE, "")
    done = _run(layer, "--repl", "--runtime", "provided.al2023")
    assert done.returncode == Failure.FAILED
    assert "no interpreter" in done.stderr
