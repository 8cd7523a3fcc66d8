"""Groups and streams by name: kept, found again after a restart, never half there."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lamina.log_store import layout, streams
from lamina.log_store.groups import GroupExists, GroupMissing, LogGroup, LogGroups
from lamina.log_store.streams import Streams
from lamina.logs.names import LogGroupArn
from lamina.names import Scope

SCOPE = Scope("123456789012", "eu-west-1")
GROUP = LogGroupArn(SCOPE, "/aws/lambda/f")
MADE = LogGroup(GROUP.name, 1000, 7, "STANDARD", True, {"team": "a"})


@pytest.fixture
def filling(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A disk that takes three bytes at a time, and none once as many were written as the list holds."""
    room, write = [1_000_000], os.write

    def little(descriptor: int, data: bytes) -> int:
        if room[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room[0] -= 3
        return write(descriptor, data[:3])

    monkeypatch.setattr(os, "write", little)
    return room


def test_what_a_full_disk_took_in_part_is_not_there(filling: list[int], tmp_path: Path) -> None:
    groups = LogGroups(tmp_path)
    groups.create(GROUP, MADE)
    filling[0] = 30
    with pytest.raises(OSError, match="No space left"):
        groups.change(GROUP, lambda group: replace(group, retention_days=None))
    filling[0] = 30
    with pytest.raises(OSError, match="No space left"):
        groups.streams(GROUP).create("a stream with a name that is longer than there is room", 1)
    for each in (groups, LogGroups(tmp_path)):
        assert each.find(GROUP) == MADE
        assert not each.streams(GROUP).created
    filling[0] = 1_000_000
    groups.streams(GROUP).create("a", 1)
    assert LogGroups(tmp_path).streams(GROUP).created == {"a": 1}


def test_a_group_is_found_as_it_was_kept_also_by_the_next_server(tmp_path: Path) -> None:
    groups = LogGroups(tmp_path)
    groups.create(GROUP, MADE)
    with pytest.raises(GroupExists):
        groups.create(GROUP, MADE)
    groups.change(GROUP, lambda group: replace(group, retention_days=None))
    for each in (groups, LogGroups(tmp_path)):
        assert each.find(GROUP) == replace(MADE, retention_days=None)
        assert each.all(SCOPE) == [each.find(GROUP)]
        assert [group for _, group in each.everywhere()] == [each.find(GROUP)]
    groups.delete(GROUP)
    for each in (groups, LogGroups(tmp_path)):
        assert each.all(SCOPE) == []
        with pytest.raises(GroupMissing):
            each.find(GROUP)
        with pytest.raises(GroupMissing):
            each.change(GROUP, lambda group: group)
        with pytest.raises(GroupMissing):
            each.delete(GROUP)


@pytest.mark.parametrize(
    "name",
    ["a", ".", "..", "...", "/", "//", "a/b", "a//b", ".hidden", "#", "x" * 512, "/" * 512, "/" * 511 + "a", "A"],
)
def test_any_name_of_a_group_has_a_folder_of_its_own(tmp_path: Path, name: str) -> None:
    names = {name, "a", "/a", "a/", ".", "..", "x" * 511, "/" * 511, "%2F", ".new-x"} - {"%2F"}
    groups = LogGroups(tmp_path)
    for each in names:
        groups.create(LogGroupArn(SCOPE, each), LogGroup(each, 1))
    assert [group.name for group in groups.all(SCOPE)] == sorted(names)
    folders = {groups.folder(LogGroupArn(SCOPE, each)) for each in names}
    assert {folder.parent for folder in folders} == {tmp_path / SCOPE.account / SCOPE.region}
    assert len(folders) == len(names)


def test_what_was_left_half_made_or_half_deleted_is_cleared_away(tmp_path: Path) -> None:
    groups = LogGroups(tmp_path)
    groups.create(GROUP, MADE)
    region = groups.folder(GROUP).parent
    for aside in layout.ASIDE:
        (region / f"{aside}0123").mkdir()
        (region / f"{aside}0123" / "group.json").write_text("{")
    assert [group.name for group in groups.all(SCOPE)] == [GROUP.name]
    LogGroups(tmp_path).sweep()
    assert [path.name for path in region.iterdir()] == ["%2Faws%2Flambda%2Ff"]


def test_streams_are_kept_in_the_order_of_what_was_said(tmp_path: Path) -> None:
    held = Streams(tmp_path)
    held.create("a", 1)
    held.create("b c\r", 2)
    held.delete("a", 3, (4, 5))
    held.create("d", 6)
    held.delete("d", 7, (4, 9))
    held.create("d", 8)
    for each in (held, Streams(tmp_path)):
        assert each.created == {"b c\r": 2, "d": 8}
        assert each.deleted == {"a": (4, 5), "d": (4, 9)}


def test_a_line_that_was_cut_short_counts_for_nothing_and_spoils_nothing(tmp_path: Path) -> None:
    Streams(tmp_path).create("a", 1)
    with (tmp_path / layout.STREAMS).open("ab") as end:
        end.write(b"\n+2 cut")
    after = Streams(tmp_path)
    after.create("b", 3)
    assert after.created == Streams(tmp_path).created == {"a": 1, "b": 3}


def test_the_file_of_streams_does_not_grow_with_what_was_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_STALE_MAX", 10)
    held = Streams(tmp_path)
    held.create("stays", 1)
    # Its segment is gone: nothing is left to hide.
    layout.segment(tmp_path, 9).touch()
    for number in range(200):
        held.create(f"s{number}", number)
        held.delete(f"s{number}", number, (3, number))
    assert (tmp_path / layout.STREAMS).stat().st_size < 2000
    assert Streams(tmp_path).created == {"stays": 1}


_KILLED = """
import sys, itertools
from pathlib import Path
from lamina.log_store import batches
from lamina.log_store.groups import LogGroups, LogGroup
from lamina.log_store.writing import LogWriter
from lamina.logs.names import LogGroupArn
from lamina.names import Scope
groups = LogGroups(Path(sys.argv[1])); writer = LogWriter(groups)
for number in itertools.count():
    group = LogGroupArn(Scope("123456789012", "eu-west-1"), f"g{number % 7}")
    if number < 7:
        groups.create(group, LogGroup(group.name, 1))
    groups.streams(group).create(f"s{number}", number)
    writer.append(group, batches.batch(f"s{number}", number, [(number, batches.message(b"m%d" % number))]))
    print(number, flush=True)
"""


@pytest.mark.parametrize("after", [0, 3, 50, 400])
def test_what_was_answered_survives_kill_9(tmp_path: Path, after: int) -> None:
    from lamina.log_store.reading import LogReader, Wanted

    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as process:
        assert process.stdout is not None
        said = -1
        for line in process.stdout:
            said = int(line)
            if said >= after:
                break
        process.send_signal(signal.SIGKILL)
        # What it said between our looking and its end counts too.
        said = max([said, *(int(line) for line in process.stdout)])
    groups = LogGroups(tmp_path)
    groups.sweep()
    found: set[str] = set()
    created: set[str] = set()
    for group in groups.all(SCOPE):
        arn = LogGroupArn(SCOPE, group.name)
        page = LogReader().page(groups.folder(arn), Wanted(0, 1 << 62), {}, 10_000, forward=True)
        found |= {event.message for event in page.events}
        created |= groups.streams(arn).created.keys()
    # The one that was under way may be there or not.
    answered = range(said + 1)
    assert found - {f"m{said + 1}"} == {f"m{number}" for number in answered}
    assert created - {f"s{said + 1}"} == {f"s{number}" for number in answered}
