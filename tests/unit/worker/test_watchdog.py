"""What the watchdog counts, on processes and folders of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamina.worker import watchdog

_MB = 1 << 20
# Says when it holds what it is told to hold, and ends with its standard input.
_HOLDING = "import sys; held = {expression}; print('held', flush=True); sys.stdin.read()"
_FORKING = (
    "import os, sys; held = bytearray({size})\n"
    "for _ in range(3):\n"
    "    if os.fork() == 0: break\n"
    "else: print('held', flush=True)\n"
    "sys.stdin.read()"
)


@pytest.fixture
def base() -> Iterator[subprocess.Popen[str]]:
    """A process below which others are started, as an environment's process 1 is."""
    with subprocess.Popen(["sleep", "1000"], text=True) as process:
        yield process
        process.kill()


def holding(code: str) -> subprocess.Popen[str]:
    """A shell with one child that holds what *code* says; the child is what is below it."""
    process = subprocess.Popen(
        ["sh", "-c", '"$@"; :', "sh", sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def memory_kb(code: str) -> int:
    with holding(code) as process:
        measured = watchdog._memory_kb(process.pid)
        process.communicate()
    return measured


def test_private_memory_counts_once_it_is_touched() -> None:
    little = memory_kb(_HOLDING.format(expression="None"))
    assert memory_kb(_HOLDING.format(expression=f"b'x' * {64 * _MB}")) - little == pytest.approx(64 << 10, rel=0.1)
    untouched = f"__import__('mmap').mmap(-1, {256 * _MB})"
    assert memory_kb(_HOLDING.format(expression=untouched)) - little < 4 << 10


def test_pages_that_forked_processes_share_count_once() -> None:
    assert 64 << 10 <= memory_kb(_FORKING.format(size=64 * _MB)) < 2 * (64 << 10)


def test_a_file_that_is_mapped_is_not_memory(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 32 * _MB)
    mapped = f"open({str(file)!r}, 'rb'); m = __import__('mmap').mmap(held.fileno(), 0, prot=1); sum(m[::4096])"
    assert memory_kb(_HOLDING.format(expression=mapped)) < 24 << 10


def test_the_process_itself_is_not_counted_and_one_that_is_gone_holds_nothing(base: subprocess.Popen[str]) -> None:
    assert watchdog._memory_kb(base.pid) == 0
    base.kill()
    base.wait()
    assert watchdog._memory_kb(base.pid) == 0


def test_children_of_children_are_found() -> None:
    with holding(_FORKING.format(size=1)) as process:
        assert len(list(watchdog._descendants(process.pid))) == 4
        process.communicate()


def test_a_folder_is_counted_by_the_blocks_it_takes(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "file").write_bytes(b"x" * _MB)
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(1 << 30)
    assert _MB <= watchdog._folder_bytes(tmp_path) < 2 * _MB


def test_a_link_leads_the_count_nowhere(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"x" * _MB)
    (tmp_path / "tmp").mkdir()
    os.symlink("../outside", tmp_path / "tmp" / "link")
    os.symlink("../outside/file", tmp_path / "tmp" / "file")
    assert watchdog._folder_bytes(tmp_path / "tmp") < _MB


def test_a_folder_that_is_gone_takes_nothing(tmp_path: Path) -> None:
    assert watchdog._folder_bytes(tmp_path / "gone") == 0
