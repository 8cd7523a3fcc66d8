"""When a reading of logs begins, what it gives, how it looks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from lamina.cli.log_reading import as_json, as_text, follow, moment_ms

NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def event(ms: int, message: str = "said\n", name: str = "") -> dict[str, Any]:
    return {
        "timestamp": ms, "ingestionTime": ms + 1, "logStreamName": "s", "eventId": name or str(ms), "message": message,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", NOW - 30_000),
        ("5m", NOW - 300_000),
        ("2h", NOW - 7_200_000),
        ("1d", NOW - 86_400_000),
        ("1w", NOW - 604_800_000),
        ("999999999w", 0),
        ("2026-01-01", NOW),
        ("2026-01-01T00:00:00Z", NOW),
        ("2026-01-01T01:00:00+01:00", NOW),
        ("1969-01-01", 0),
    ],
)
def test_a_moment(text: str, expected: int) -> None:
    assert moment_ms(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "5 minutes", "-5m", "yesterday"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        moment_ms(text, NOW)


def test_following_gives_every_event_once_also_one_that_comes_in_late() -> None:
    looks = [
        [event(NOW)],
        [event(NOW), event(NOW + 10_000)],
        [event(NOW), event(NOW + 5_000), event(NOW + 10_000)],
        [event(NOW + 50_000)],
        [event(NOW + 40_000), event(NOW + 50_000), event(NOW + 50_000, name="twin")],
    ]
    asked: list[int] = []
    waits: list[float] = []

    def search(since_ms: int) -> Iterator[dict[str, Any]]:
        asked.append(since_ms)
        return iter(looks[len(asked) - 1])

    told = [held["eventId"] for held in islice(follow(search, NOW - 60_000, waits.append), 6)]
    assert told == [*(str(NOW + late) for late in (0, 10_000, 5_000, 50_000, 40_000)), "twin"]
    assert asked == [NOW - 60_000, NOW - 15_000, NOW - 5_000, NOW - 5_000, NOW + 35_000]
    assert len(waits) == 4


def test_an_event_as_text_has_its_time_and_no_more_line_breaks_than_it_needs() -> None:
    assert as_text(event(NOW + 7, "one\n  two\n"), coloured=False) == "2026-01-01T00:00:00.007Z one\n  two"


def test_what_would_steer_a_terminal_is_shown_instead() -> None:
    assert as_text(event(NOW, "\x1b[31mred\r\x07\n"), coloured=False).endswith(r"Z \x1b[31mred\r\x07")


def test_an_event_as_json_is_one_line() -> None:
    line = as_json(event(NOW, "one\ntwo"))
    assert "\n" not in line
    assert json.loads(line) == event(NOW, "one\ntwo")
