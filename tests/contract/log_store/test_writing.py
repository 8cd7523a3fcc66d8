"""Logs on the disk: appended whole, in order, by whoever has the time, and never at a function's expense."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from lamina.log_store import batches, layout, writing
from lamina.log_store.groups import LogGroups
from lamina.log_store.reading import LogReader, Wanted
from lamina.log_store.writing import LogWriter
from lamina.logs.names import LogGroupArn
from lamina.names import Scope

SCOPE = Scope("123456789012", "eu-west-1")
GROUP = LogGroupArn(SCOPE, "/aws/lambda/f")


def of(text: str, ms: int = 1) -> bytes:
    return batches.batch("stream", ms, [(ms, batches.message(text.encode()))])


class Logs:
    """A writer, and everything that it has written."""

    def __init__(self, root: Path) -> None:
        self.groups = LogGroups(root)
        self.writer = LogWriter(self.groups)

    def write(self, text: str, group: LogGroupArn = GROUP) -> None:
        self.writer.write(group, "stream", of(text))

    def files(self, group: LogGroupArn = GROUP) -> list[Path]:
        return sorted(self.groups.folder(group).glob("0*.log"))

    def messages(self, group: LogGroupArn = GROUP) -> list[str]:
        self.writer.wait_written()
        page = LogReader().page(self.groups.folder(group), Wanted(0, 1 << 62), {}, 10_000, forward=True)
        assert page.resume is None
        return [event.message for event in page.events]


def test_a_group_comes_into_being_with_its_first_event(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    logs.write("x")
    assert logs.files() == [tmp_path / "123456789012/eu-west-1/%2Faws%2Flambda%2Ff/00000001.log"]
    assert [group.name for group in logs.groups.all(SCOPE)] == [GROUP.name]


def test_batches_are_appended_for_the_owner_alone(tmp_path: Path) -> None:
    Logs(tmp_path).write("one")
    after = Logs(tmp_path)
    after.write("two")
    assert after.messages() == ["one", "two"]
    (file,) = after.files()
    assert file.stat().st_mode & 0o777 == 0o600


def test_of_full_segments_the_last_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "SEGMENT_BYTES_MAX", 10)
    monkeypatch.setattr(layout, "SEGMENTS_KEPT", 3)
    logs = Logs(tmp_path)
    for number in range(9):
        logs.write(str(number))
    assert logs.messages() == ["7", "8"], "and an empty one is to come"
    after = Logs(tmp_path)
    after.write("9")
    assert after.messages() == ["7", "8", "9"]
    assert [file.name for file in after.files()] == ["00000008.log", "00000009.log"], "9 has grown"


class SlowDisk:
    """Holds up every write to a file until it is opened; it is known to be slow."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(writing, "_AT_ONCE_BYTES_MAX", -1)
        self.asked, self.open = threading.Event(), threading.Event()
        append = writing._Segment.append

        def slowly(segment: writing._Segment, data: bytes) -> int:
            self.asked.set()
            assert self.open.wait(20)
            return append(segment, data)

        patch.setattr(writing._Segment, "append", slowly)


def test_nobody_waits_for_the_disk_and_the_order_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, logs = SlowDisk(monkeypatch), Logs(tmp_path)
    lines = [str(number) for number in range(100)]
    for line in lines:
        logs.write(line)
    assert disk.asked.wait(20)
    for line in lines:
        logs.write(line)
    disk.open.set()
    assert logs.messages() == lines * 2


def test_a_disk_that_was_slow_is_left_to_the_thread_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, seconds, writers = 1000.0, 0.0, []
    logs = Logs(tmp_path)
    logs.write("first")
    append = writing._Segment.append

    def timed(segment: writing._Segment, data: bytes) -> int:
        nonlocal now
        now += seconds
        writers.append(threading.current_thread() is threading.main_thread())
        return append(segment, data)

    monkeypatch.setattr(writing._Segment, "append", timed)
    monkeypatch.setattr(writing, "time", SimpleNamespace(monotonic=lambda: now))

    def write(text: str = "line") -> None:
        logs.write(text)
        logs.writer.wait_written()

    write()
    write("x" * 100_000)
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
    size = len(of("0"))
    monkeypatch.setattr(writing, "_HELD_BYTES_EACH", 2 * size)
    monkeypatch.setattr(writing, "_HELD_BYTES_MAX", 3 * size)
    monkeypatch.setattr(writing, "_HELD_BYTES_FREE", 0)
    disk, logs = SlowDisk(monkeypatch), Logs(tmp_path)
    other = LogGroupArn(SCOPE, "g")
    logs.write("first")
    assert disk.asked.wait(20)
    for group in (GROUP, other):
        for text in ("1", "2", "3"):
            logs.write(text, group)
    disk.open.set()
    logs.writer.wait_written()
    logs.write("last")
    assert logs.messages() == ["first", "1", "2", "last", f"[{size} bytes are left out: the disk is too slow]\n"]
    assert logs.messages(other) == ["1", f"[{2 * size} bytes are left out: the disk is too slow]\n"], "3 fit, of all"


def test_a_flood_of_others_leaves_out_nothing_of_a_group_that_writes_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(of("0"))
    monkeypatch.setattr(writing, "_HELD_BYTES_EACH", 100 * size)
    monkeypatch.setattr(writing, "_HELD_BYTES_MAX", 100 * size)
    monkeypatch.setattr(writing, "_HELD_BYTES_FREE", 2 * size)
    disk, logs = SlowDisk(monkeypatch), Logs(tmp_path)
    other = LogGroupArn(SCOPE, "g")
    logs.write("first")
    assert disk.asked.wait(20)
    for number in range(200):
        logs.write(str(number % 10))
    for text in ("1", "2", "3"):
        logs.write(text, other)
    disk.open.set()
    logs.writer.wait_written()
    assert logs.messages(other) == ["1", "2", f"[{size} bytes are left out: the disk is too slow]\n"]


def test_a_log_that_cannot_be_written_fails_nobody_and_is_warned_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    logs = Logs(tmp_path)
    logs.write("first")
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            for _ in range(3):
                logs.write("lost")
        logs.write("kept")
    assert logs.messages() == ["first", "kept", "kept"]
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2, "once, until it worked again"
    assert "No space left on device" in caplog.text


def test_a_part_that_the_disk_took_is_followed_by_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    logs = Logs(tmp_path)
    logs.write("first")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
        logs.write("0123456789")
    assert logs.messages() == ["first", "0123456789"]


def test_what_was_cut_short_is_passed_over_and_takes_nothing_with_it(tmp_path: Path) -> None:
    whole = of("second", 2)
    for cut in range(len(whole)):
        logs = Logs(tmp_path / str(cut))
        logs.write("first")
        (file,) = logs.files()
        with file.open("ab") as end:
            end.write(whole[:cut])
        logs.writer.write(GROUP, "stream", of("third", 3))
        assert logs.messages() == ["first", "third"], whole[:cut]


def test_many_threads_lose_nothing_of_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "SEGMENT_BYTES_MAX", 2000)
    monkeypatch.setattr(layout, "SEGMENTS_KEPT", 1000)
    logs = Logs(tmp_path)

    def put(name: int) -> None:
        for number in range(200):
            logs.writer.append(GROUP, of(f"{name}-{number}"))

    threads = [threading.Thread(target=put, args=[name]) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    messages = logs.messages()
    assert sorted(messages) == sorted(f"{name}-{number}" for name in range(4) for number in range(200))
    assert len(logs.files()) > 5


def test_a_group_that_was_deleted_is_made_anew_by_the_next_event(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    logs.write("before")
    logs.groups.delete(GROUP)
    logs.write("after")
    assert logs.messages() == ["after"]
