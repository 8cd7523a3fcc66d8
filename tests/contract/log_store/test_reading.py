"""What was logged is found again, in order, page by page, however it lies in segments."""

from __future__ import annotations

import gc
import random
from pathlib import Path

import pytest

from lamina.log_store import batches, layout, reading
from lamina.log_store.groups import LogGroups
from lamina.log_store.reading import LogReader, Span, Wanted
from lamina.log_store.streams import Place
from lamina.log_store.writing import LogWriter
from lamina.logs.events import StoredEvent
from lamina.logs.names import LogGroupArn
from lamina.names import Scope

GROUP = LogGroupArn(Scope("123456789012", "eu-west-1"), "group")
END_MS = 1 << 62


class Logs:
    """A group with small segments, and a reader of it."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch, segment_bytes: int = 200) -> None:
        patch.setattr(layout, "SEGMENT_BYTES_MAX", segment_bytes)
        patch.setattr(layout, "SEGMENTS_KEPT", 1000)
        self.groups = LogGroups(root)
        self.writer = LogWriter(self.groups)
        self.reader = LogReader()
        self.folder = self.groups.folder(GROUP)

    def put(self, stream: str, *events: tuple[int, str], ingested_ms: int = 0) -> None:
        pieces = [(ms, batches.message(text.encode())) for ms, text in events]
        self.writer.append(GROUP, batches.batch(stream, ingested_ms, pieces))

    def all(
        self,
        wanted: Wanted | None = None,
        deleted: dict[str, Place] | None = None,
        limit: int = 10_000,
        forward: bool = True,
    ) -> list[StoredEvent]:
        """Every event, by as many pages as it takes; the nearest first."""
        wanted = wanted or Wanted(0, END_MS)
        found: list[StoredEvent] = []
        after, before = wanted.after, wanted.before
        while True:
            asked = Wanted(wanted.first_ms, wanted.end_ms, after, before, wanted.stream, wanted.matches)
            page = self.reader.page(self.folder, asked, deleted or {}, limit, forward=forward)
            assert len(page.events) <= limit
            found += page.events if forward else page.events[::-1]
            if page.resume is None:
                return found
            after, before = (page.resume, before) if forward else (after, page.resume)


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("looked_at_max", [0, 10, 1_000_000])
@pytest.mark.parametrize("limit", [1, 7, 10_000])
def test_pages_of_any_size_give_every_event_once_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, looked_at_max: int, forward: bool
) -> None:
    dice = random.Random(limit * 7 + looked_at_max)
    monkeypatch.setattr(reading, "_LOOKED_AT_MAX", looked_at_max)
    logs = Logs(tmp_path, monkeypatch)
    expected: list[tuple[int, int, str]] = []
    now = 1000
    for number in range(60):
        now += dice.randrange(5)
        # Some come in late, into a later segment than their times would suggest.
        first = now - dice.choice([0, 0, 0, 30])
        events = [(first + each // 2, f"{number}-{each}") for each in range(dice.randrange(1, 4))]
        logs.put(f"s{number % 3}", *events)
        expected += [(ms, order, text) for order, (ms, text) in enumerate(events, len(expected))]
    expected.sort()
    texts = [text for _, _, text in expected]
    found = logs.all(limit=limit, forward=forward)
    assert [event.message for event in found] == (texts if forward else texts[::-1])
    assert len({event.id for event in found}) == len(texts)
    some = logs.all(Wanted(1040, 1080, stream=lambda name: name != "s1"), limit=limit, forward=forward)
    assert sorted(event.message for event in some) == sorted(
        text for ms, _, text in expected if 1040 <= ms < 1080 and int(text.split("-")[0]) % 3 != 1
    )


def test_a_page_says_where_the_next_begins_or_that_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = Logs(tmp_path, monkeypatch)
    logs.put("s", (1, "a"), (2, "b"), (3, "c"))
    page = logs.reader.page(logs.folder, Wanted(0, END_MS), {}, 2, forward=True)
    assert (page.resume == page.events[-1].position, len(page.events)) == (True, 2)
    page = logs.reader.page(logs.folder, Wanted(0, END_MS), {}, 3, forward=True)
    assert (page.resume, len(page.events)) == (None, 3)


def test_streams_are_known_by_their_events_also_after_segments_have_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = Logs(tmp_path, monkeypatch, segment_bytes=1)
    logs.put("old", (1, "a"), (5, "b"), ingested_ms=6)
    logs.put("new", (3, "c"), ingested_ms=7)
    logs.put("old", (2, "d"), ingested_ms=8)
    spans = {"old": Span(1, 5, 6, 8), "new": Span(3, 3, 7, 7)}
    assert logs.reader.spans(logs.folder, {}) == logs.reader.spans(logs.folder, {}) == spans
    layout.segment(logs.folder, 1).unlink()
    assert logs.reader.spans(logs.folder, {}) == {"old": Span(2, 2, 8, 8), "new": Span(3, 3, 7, 7)}


def test_a_late_write_to_a_segment_that_has_successors_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = Logs(tmp_path, monkeypatch, segment_bytes=1)
    logs.put("s", (1, "a"))
    logs.put("s", (2, "b"))
    assert logs.reader.spans(logs.folder, {})["s"].last_ms == 2
    with layout.segment(logs.folder, 1).open("ab") as late:
        late.write(batches.batch("late", 9, [(9, batches.message(b"c"))]))
    assert logs.reader.spans(logs.folder, {})["late"].last_ms == 9
    assert [event.message for event in logs.all()] == ["a", "b", "c"]


def test_what_stands_before_a_streams_deletion_is_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for segment_bytes in (1, 1_000_000):
        logs = Logs(tmp_path / str(segment_bytes), monkeypatch, segment_bytes)
        logs.put("s", (1, "a"))
        logs.put("other", (2, "b"))
        deleted = {"s": logs.writer.end_of(GROUP)}
        assert [event.message for event in logs.all(deleted=deleted)] == ["b"]
        assert logs.reader.spans(logs.folder, deleted).keys() == {"other"}
        logs.put("s", (0, "c"))
        assert [event.message for event in logs.all(deleted=deleted)] == ["c", "b"]
        assert logs.reader.spans(logs.folder, deleted)["s"] == Span(0, 0, 0, 0)


def test_expired_segments_are_removed_but_for_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = Logs(tmp_path, monkeypatch, segment_bytes=1)
    for ms in (10, 30, 20):
        logs.put("s", (ms, str(ms)))
    assert logs.reader.expire(logs.folder, 25) == 1
    assert [event.message for event in logs.all()] == ["20", "30"]
    assert logs.reader.expire(logs.folder, 1000) == 1
    assert [event.message for event in logs.all()] == ["20"]


def test_a_page_has_a_megabyte_at_most_but_always_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = Logs(tmp_path, monkeypatch)
    for number in range(3):
        logs.put("s", (number, "x" * 1_048_576))
    page = logs.reader.page(logs.folder, Wanted(0, END_MS), {}, 10, forward=True)
    assert [event.ms for event in page.events] == [0]
    assert [event.ms for event in logs.all()] == [0, 1, 2]


def test_searches_keep_nothing_of_the_streams_and_lists_only_so_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spans() -> int:
        gc.collect()
        return sum(type(each) is Span for each in gc.get_objects())

    monkeypatch.setattr(reading, "_STREAMS_REMEMBERED_MAX", 10)
    logs = Logs(tmp_path, monkeypatch, segment_bytes=1)
    for number in range(30):
        logs.put(f"environment-{number}", (number, "x"))
    before = spans()
    for forward in (True, False):
        assert len(logs.all(forward=forward)) == 30
    assert spans() == before
    assert len(logs.reader.spans(logs.folder, {})) == 30
    assert spans() == before + 10


def test_of_a_group_that_is_not_there_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = Logs(tmp_path, monkeypatch)
    assert logs.all() == []
    assert logs.reader.spans(logs.folder, {}) == {}


@pytest.mark.parametrize("seed", range(20))
def test_no_damage_to_a_segment_keeps_the_rest_from_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dice = random.Random(seed)
    logs = Logs(tmp_path, monkeypatch, 1_000_000)
    for number in range(20):
        logs.put("s", (number, f"first {number}"), (number, f"second {number}\n"))
    file = layout.segment(logs.folder, 1)
    data = bytearray(file.read_bytes())
    for _ in range(5):
        at = dice.randrange(len(data))
        data[at : at + dice.randrange(1, 20)] = dice.randbytes(dice.randrange(20))
    file.write_bytes(data)
    found = {event.message for event in logs.all()}
    whole = {f"first {number}" for number in range(20)} | {f"second {number}\n" for number in range(20)}
    # Five holes of up to 20 bytes each hit at most a few batches.
    assert len(found & whole) >= 2 * (20 - 3 * 5)
    logs.put("s", (100, "after"))
    assert logs.all(Wanted(100, 101))[0].message == "after"
