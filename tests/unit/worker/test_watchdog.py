"""What the watchdog counts, on processes and folders of the test's own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from lamina.sandbox import removing
from lamina.worker import watchdog
from lamina.worker.environment import Environment

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


def below(pid: int) -> list[int]:
    return list(watchdog._descendants(pid, watchdog._Patience()))


def below_kb(pid: int) -> int:
    return watchdog._memory_kb(below(pid), 0, watchdog._Patience())


def folder_bytes(folder: Path) -> int:
    return watchdog._folder_bytes(folder, watchdog._Patience())


def memory_kb(code: str) -> int:
    with holding(code) as process:
        measured = below_kb(process.pid)
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
    assert below_kb(base.pid) == 0
    base.kill()
    base.wait()
    assert below_kb(base.pid) == 0


def test_children_of_children_are_found() -> None:
    with holding(_FORKING.format(size=1)) as process:
        assert len(below(process.pid)) == 4
        process.communicate()


def test_what_is_looked_at_by_itself_is_passed_over_with_all_below_it() -> None:
    with holding(_FORKING.format(size=1)) as process:
        first, *children = below(process.pid)
        patience = watchdog._Patience()
        assert list(watchdog._descendants(process.pid, patience, [first])) == []
        assert sorted(watchdog._descendants(process.pid, patience, children[:1])) == sorted([first, *children[1:]])
        process.communicate()


def test_more_processes_than_there_may_be_are_over_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with holding(_FORKING.format(size=1)) as process:
        environment = cast(Environment, FakeEnvironment(SimpleNamespace(above=(process.pid,), lone=None), tmp_path))
        assert watchdog._excess(environment, True, False) is None
        monkeypatch.setattr(watchdog, "PROCESSES_MAX", 2)
        assert watchdog._excess(environment, True, False) == "2 processes"
        process.communicate()


def test_a_folder_is_counted_by_the_blocks_it_takes(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "file").write_bytes(b"x" * _MB)
    sparse = tmp_path / "sparse"
    with sparse.open("wb") as file:
        file.truncate(1 << 30)
    assert _MB <= folder_bytes(tmp_path) < 2 * _MB


def test_a_link_leads_the_count_nowhere(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"x" * _MB)
    (tmp_path / "tmp").mkdir()
    os.symlink("../outside", tmp_path / "tmp" / "link")
    os.symlink("../outside/file", tmp_path / "tmp" / "file")
    assert folder_bytes(tmp_path / "tmp") < _MB


def test_a_folder_that_is_gone_takes_nothing(tmp_path: Path) -> None:
    assert folder_bytes(tmp_path / "gone") == 0


def test_a_process_whose_name_is_no_text_is_counted() -> None:
    naming = "__import__('ctypes').CDLL(None).prctl(15, {name!r}, 0, 0, 0), b'x' * (64 << 20)"
    assert memory_kb(_HOLDING.format(expression=naming.format(name=b"\xff\xfe"))) >= 64 << 10
    assert memory_kb(_HOLDING.format(expression=naming.format(name=b"\rRssAnon: no kB"))) >= 64 << 10


def test_processes_nested_deep_are_found() -> None:
    code = (
        "import os, sys\n"
        "for depth in range(60):\n"
        "    ended, ends = os.pipe()\n"
        "    if os.fork():\n"
        "        os.close(ends); os.read(ended, 1); os._exit(0)\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    with holding(code) as process:
        assert len(below(process.pid)) == 61
        process.communicate()


def test_folders_count_too(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}").mkdir()
    each = (tmp_path / "1").stat().st_blocks * 512
    assert folder_bytes(tmp_path) == 10 * each


@pytest.fixture
def as_an_ordinary_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Root is stopped by no mode. Names are relative to the working folder, for what lies above is closed to others."""
    monkeypatch.chdir(tmp_path)
    if os.geteuid() != 0:
        yield
        return
    tmp_path.chmod(0o777)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o300, 0o400, 0])
def test_a_folder_that_cannot_be_looked_at_is_over_the_limit(as_an_ordinary_user: None, mode: int) -> None:
    hidden = Path("tmp") / "hidden"
    hidden.mkdir(parents=True)
    (hidden / "file").touch()
    for folder in (hidden, hidden.parent):
        folder.chmod(mode)
        with pytest.raises(watchdog._OutOfSight, match=r"/tmp cannot be looked through: Permission denied"):
            folder_bytes(hidden.parent)
        folder.chmod(0o700)
    folder_bytes(hidden.parent)


def test_a_path_longer_than_paths_can_be_is_over_the_limit(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=here)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    with pytest.raises(watchdog._OutOfSight, match=r"File name too long"):
        folder_bytes(tmp_path)
    removing.remove(tmp_path)


def test_more_files_than_can_be_counted_are_over_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_ENTRIES_MAX", 20)
    for number in range(10):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "file").touch()
    folder_bytes(tmp_path)
    (tmp_path / "one more").touch()
    with pytest.raises(watchdog._OutOfSight, match=r"more than 20 files"):
        folder_bytes(tmp_path)


def test_what_takes_too_long_to_look_at_is_over_the_limit(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(watchdog._OutOfSight, match=r"too long"):
        watchdog._folder_bytes(tmp_path, watchdog._Patience(-1))
    with pytest.raises(watchdog._OutOfSight, match=r"too long"):
        list(watchdog._descendants(os.getpid(), watchdog._Patience(-1)))


class FakeEnvironment:
    """An environment at work; *blank* tells where a look begins."""

    idle = False

    def __init__(self, blank: object, folder: Path) -> None:
        self.spec = SimpleNamespace(function="f", memory_mb=128, storage_mb=0)
        self.prepared = SimpleNamespace(blank=blank, tmp=SimpleNamespace(folder=folder))
        self.ended = asyncio.Event()

    def apart(self) -> list[int]:
        return []

    def overrun(self) -> None:
        self.ended.set()


def test_one_that_cannot_be_looked_at_keeps_nobody_elses_from_being_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(b"x")

    async def main() -> None:
        broken = FakeEnvironment(None, tmp_path)
        excessive = FakeEnvironment(SimpleNamespace(above=(2**22 + 1,), lone=None), tmp_path)
        watched = watchdog.Watched()
        watching = asyncio.ensure_future(watchdog.watch(watched, True, True))
        # It waits for them by now.
        await asyncio.sleep(0)
        for environment in (broken, excessive):
            watched.add(cast(Environment, environment))
        async with asyncio.timeout(20):
            for _ in range(2):
                await excessive.ended.wait()
                excessive.ended.clear()
        assert not watching.done()
        watching.cancel()

    asyncio.run(main())
    assert [record.message for record in caplog.records if record.exc_info] == ["f could not be looked at"]
