"""A function's output: its tail for the answer, all of it for the file."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from lamina.names import FunctionArn, Scope
from lamina.worker import logs
from lamina.worker.logs import EnvironmentLog, LogFolder

FUNCTION = FunctionArn(Scope("123456789012", "eu-west-1"), "f")


class Output:
    """A log and the end of its pipe that a function writes to."""

    def __init__(self, root: Path) -> None:
        self._read, self.write_end = os.pipe()
        self.folder = LogFolder(root)
        self.log = EnvironmentLog(self._read, FUNCTION, self.folder)

    def write(self, data: bytes) -> None:
        assert os.write(self.write_end, data) == len(data)

    def file(self) -> bytes:
        self.folder.wait_written()
        return self.folder.file(FUNCTION).read_bytes()

    def end(self) -> None:
        self.log.close()
        os.close(self.write_end)
        os.close(self._read)


def logged(root: Path, test: Callable[[Output], Awaitable[None]]) -> None:
    async def main() -> None:
        output = Output(root)
        try:
            async with asyncio.timeout(20):
                await test(output)
        finally:
            output.end()

    asyncio.run(main())


def test_the_file_is_named_by_account_region_and_function(tmp_path: Path) -> None:
    assert LogFolder(tmp_path).file(FUNCTION) == tmp_path / "v1/123456789012/eu-west-1/f.log"


def test_a_dot_in_a_functions_name_is_part_of_it(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path)
    folder.write(FunctionArn(FUNCTION.scope, "f.g"), b"x")
    folder.wait_written()
    assert [path.name for path in tmp_path.rglob("*.log")] == ["f.g.log"]


def test_pieces_are_appended_for_the_owner_alone(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path)
    folder.write(FUNCTION, b"one\n")
    folder.wait_written()
    after = LogFolder(tmp_path)
    after.write(FUNCTION, b"two\n")
    after.wait_written()
    assert folder.file(FUNCTION).read_bytes() == b"one\ntwo\n"
    assert folder.file(FUNCTION).stat().st_mode & 0o777 == 0o600


def test_a_full_file_is_turned_over_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_FILE_BYTES_MAX", 10)
    folder = LogFolder(tmp_path)
    for piece in (b"123456", b"7890ab", b"cdef", b"0123456789X", b"last"):
        folder.write(FUNCTION, piece)
        folder.wait_written()
    file = folder.file(FUNCTION)
    assert file.read_bytes() == b"last"
    assert file.with_name("f.log.1").read_bytes() == b"cdef0123456789X"
    assert len(list(file.parent.iterdir())) == 2


class SlowDisk:
    """Holds up every write to a file until it is opened; it is known to be slow."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(logs, "_AT_ONCE_BYTES_MAX", -1)
        self.asked, self.open = threading.Event(), threading.Event()
        self._append = logs._append
        patch.setattr(logs, "_append", self._slowly)

    def _slowly(self, file: Path, data: bytes) -> None:
        self.asked.set()
        assert self.open.wait(20)
        self._append(file, data)


def test_nobody_waits_for_the_disk_and_the_order_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, folder = SlowDisk(monkeypatch), LogFolder(tmp_path)
    lines = [b"%d\n" % number for number in range(100)]
    for line in lines:
        folder.write(FUNCTION, line)
    assert disk.asked.wait(20)
    for line in lines:
        folder.write(FUNCTION, line)
    disk.open.set()
    folder.wait_written()
    assert folder.file(FUNCTION).read_bytes() == b"".join(lines) * 2


def test_a_disk_that_was_slow_is_left_to_the_thread_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, seconds, writers = 1000.0, 0.0, []
    append = logs._append

    def timed(file: Path, data: bytes) -> None:
        nonlocal now
        now += seconds
        writers.append(threading.current_thread() is threading.main_thread())
        append(file, data)

    monkeypatch.setattr(logs, "_append", timed)
    monkeypatch.setattr(logs, "time", SimpleNamespace(monotonic=lambda: now))
    folder = LogFolder(tmp_path)

    def write(data: bytes = b"line\n") -> None:
        folder.write(FUNCTION, data)
        folder.wait_written()

    write()
    write(b"x" * 100_000)
    seconds = 1.0
    write()
    seconds = 0.0
    write()
    now += 9
    seconds = 1.0
    write()
    seconds = 0.0
    now += 9
    write()
    now += 1
    write()
    assert writers == [True, False, True, False, False, False, True]


def test_what_is_too_much_for_the_disk_is_left_out_with_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_HELD_BYTES_EACH", 10)
    monkeypatch.setattr(logs, "_HELD_BYTES_MAX", 15)
    disk, folder = SlowDisk(monkeypatch), LogFolder(tmp_path)
    other = FunctionArn(FUNCTION.scope, "g")
    folder.write(FUNCTION, b"first\n")
    assert disk.asked.wait(20)
    for function in (FUNCTION, other):
        for piece in (b"second\n", b"0123\n", b"6\n"):
            folder.write(function, piece)
    disk.open.set()
    folder.wait_written()
    folder.write(FUNCTION, b"third\n")
    folder.wait_written()
    left_out = b"[%d bytes are left out: the disk is too slow]\n"
    assert folder.file(FUNCTION).read_bytes() == b"first\nsecond\n" + left_out % 7 + b"third\n"
    assert folder.file(other).read_bytes() == b"second\n" + left_out % 7, "of all there may be 15 bytes"


def test_a_log_that_cannot_be_written_fails_nobody_and_is_warned_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def write(folder: LogFolder, data: bytes) -> None:
        folder.write(FUNCTION, data)
        folder.wait_written()

    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = LogFolder(tmp_path)
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            for _ in range(3):
                write(folder, b"lost")
        write(folder, b"kept\n")
    assert folder.file(FUNCTION).read_bytes() == b"kept\nkept\n"
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2, "once, until it worked again"
    assert "No space left on device" in caplog.text


def test_a_part_that_the_disk_took_is_followed_by_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    folder = LogFolder(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
        folder.write(FUNCTION, b"0123456789")
        folder.wait_written()
    assert folder.file(FUNCTION).read_bytes() == b"0123456789"


def test_the_tail_is_what_came_since_the_invocation_began(tmp_path: Path) -> None:
    async def test(output: Output) -> None:
        output.log.platform(b"INIT_START\n")
        output.write(b"while starting\n")
        output.log.drain()
        output.log.begin()
        output.log.platform(b"START\n")
        output.write(b"said\n")
        output.log.drain()
        output.log.platform(b"END\n")
        assert output.log.tail() == b"START\nsaid\nEND\n"
        output.log.flush()
        assert output.file() == b"INIT_START\nwhile starting\nSTART\nsaid\nEND\n"

    logged(tmp_path, test)


@pytest.mark.parametrize("size", [4095, 4096, 4097, 16384, 16385, 60000])
def test_the_tail_has_4_kb_at_most_and_they_are_the_last(tmp_path: Path, size: int) -> None:
    async def test(output: Output) -> None:
        text = b"".join(b"%09d\n" % number for number in range(size // 10 + 1))[:size]
        output.write(text)
        output.log.drain()
        assert output.log.tail() == text[-4096:]
        output.log.flush()
        assert output.file() == text, "the file has all of it"

    logged(tmp_path, test)


def test_a_tail_gathered_piece_by_piece_is_the_same(tmp_path: Path) -> None:
    async def test(output: Output) -> None:
        text = b""
        for number in range(3000):
            line = b"line %d\n" % number
            output.log.platform(line)
            text += line
            assert output.log.tail() == text[-4096:]

    logged(tmp_path, test)


def test_framed_messages_lose_their_frames(tmp_path: Path) -> None:
    async def test(output: Output) -> None:
        message = b"[INFO]\tsaid"
        output.write(b"printed\n\xa5\x5a\x00\x0f" + len(message).to_bytes(4, "big") + bytes(8) + message)
        output.log.drain()
        assert output.log.tail() == b"printed\n[INFO]\tsaid\n"

    logged(tmp_path, test)


def test_one_that_never_stops_writing_does_not_hold_up_the_answer(tmp_path: Path) -> None:
    async def test(output: Output) -> None:
        reads = 0

        def endless(_pipe: int, size: int) -> bytes:
            nonlocal reads
            reads += 1
            assert reads < 100
            return b"x" * size

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "read", endless)
            output.log.drain()
        assert output.log.tail() == b"x" * 4096

    logged(tmp_path, test)


def test_what_is_said_between_invocations_is_in_the_file(tmp_path: Path) -> None:
    async def test(output: Output) -> None:
        output.write(b"from a thread\n")
        # The loop reads on its next turn.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert output.file() == b"from a thread\n"

    logged(tmp_path, test)


def test_the_end_of_all_writers_is_the_end_of_reading(tmp_path: Path) -> None:
    async def main() -> None:
        read, write = os.pipe()
        log = EnvironmentLog(read, FUNCTION, LogFolder(tmp_path))
        os.write(write, b"last words")
        os.close(write)
        log.drain()
        assert log.tail() == b"last words"
        log.drain()
        log.close()
        os.close(read)
        assert not asyncio.get_running_loop().remove_reader(read)

    asyncio.run(main())


def test_closing_writes_what_was_held_back(tmp_path: Path) -> None:
    async def main() -> None:
        output = Output(tmp_path)
        output.write(b"text\xa5\x5a\x00\x0f\x00")
        output.log.drain()
        output.end()
        assert output.file() == b"text\xa5\x5a\x00\x0f\x00"

    asyncio.run(main())
