"""Events and their tokens, what may be put, whose groups and streams are named how."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from lamina.logs.events import PageToken, StoredEvent, position
from lamina.logs.names import LogGroupArn, environment_stream
from lamina.logs.putting import Accepted, Unacceptable, accept
from lamina.logs.retention import oldest_ms
from lamina.names import Scope

NOW = 1_767_225_600_000
HOUR = 3_600_000


def test_positions_go_by_time_then_segment_then_offset() -> None:
    places = [(1, 1, 1), (1, 1, 2), (1, 2, 0), (2, 1, 0), (NOW, 1, 2**40), (NOW, 2, 0), (NOW + 1, 0, 0)]
    positions = [position(*place) for place in places]
    assert positions == sorted(positions)
    assert len(set(positions)) == len(places)


def test_ids_are_awss_56_digits_and_sort_as_text() -> None:
    ids = [StoredEvent(position(ms, 1, 0), "s", ms, ms, "").id for ms in (0, 1, NOW, NOW + 1)]
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"\d{56}", one) for one in ids)


@pytest.mark.parametrize("forward", [True, False])
def test_a_token_is_read_back_with_and_without_its_end(forward: bool) -> None:
    token = PageToken(position(NOW, 3, 17), forward)
    assert PageToken.parse(str(token)) == PageToken.parse(str(token).removesuffix("/s")) == token


@pytest.mark.parametrize("text", ["", "f/1", "x/" + "0" * 56, "f/" + "0" * 57, "f/" + "٣" * 56, "f/" + "0" * 56 + "/t"])
def test_what_is_no_token(text: str) -> None:
    assert PageToken.parse(text) is None


def test_a_group_is_read_from_its_arn() -> None:
    group = LogGroupArn(Scope("123456789012", "eu-west-1"), "/aws/lambda/f")
    assert str(group) == "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/f"
    assert LogGroupArn.parse(str(group)) == LogGroupArn.parse(f"{group}:*") == group
    assert group.stream("s") == f"{group}:log-stream:s"
    for text in ("/aws/lambda/f", str(group).replace(":logs:", ":lambda:"), f"{group}:log-stream:s", f"{group} "):
        with pytest.raises(ValueError, match="not the ARN of a log group"):
            LogGroupArn.parse(text)


def test_an_environments_stream_names_the_function_in_a_group_that_is_not_its_own() -> None:
    day = datetime(2026, 1, 31, tzinfo=UTC)
    assert environment_stream(day, "f", "$LATEST", "/aws/lambda/f", "0f") == "2026/01/31/[$LATEST]0f"
    assert environment_stream(day, "f", "7", "shared", "0f") == "2026/01/31/f[7]0f"


def test_retention() -> None:
    assert oldest_ms(None, NOW) == 0
    assert oldest_ms(1, NOW) == NOW - 24 * HOUR
    assert oldest_ms(3653, 5) == 0


def put(*times: int, text: str = "x", oldest: int = 0) -> Accepted:
    return accept([{"timestamp": ms, "message": text} for ms in times], NOW, oldest)


def test_events_within_time_are_taken() -> None:
    assert put(NOW - 336 * HOUR, NOW - 320 * HOUR) == Accepted(0, 2)
    assert put(NOW, NOW, NOW + 2 * HOUR) == Accepted(0, 3)


def test_events_out_of_time_are_told_by_where_they_end_and_begin() -> None:
    assert put(NOW - 337 * HOUR, NOW - 1, NOW, NOW + 3 * HOUR) == Accepted(
        1, 3, {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3}
    )
    assert put(NOW - 2, NOW - 1, NOW, oldest=NOW - 1) == Accepted(1, 3, {"expiredLogEventEndIndex": 1})
    assert put(NOW - 400 * HOUR) == Accepted(1, 1, {"tooOldLogEventEndIndex": 1})
    assert put(NOW + 3 * HOUR) == Accepted(0, 0, {"tooNewLogEventStartIndex": 0})


def test_a_batch_of_a_megabyte_is_taken_and_a_larger_one_refused() -> None:
    assert put(NOW, NOW, text="x" * (524_288 - 26)).end == 2
    with pytest.raises(Unacceptable, match="Upload too large: 1048578 bytes exceeds limit of 1048576"):
        put(NOW, NOW, text="x" * (524_288 - 25))
    assert put(NOW, text="x" * 1_048_576).end == 1
    with pytest.raises(Unacceptable, match="Log event too large"):
        put(NOW, text="x" * 1_048_577)


def test_text_counts_as_utf_8() -> None:
    with pytest.raises(Unacceptable, match="Log event too large: 1200026 bytes"):
        put(NOW, text="\u20ac" * 400_000)


@pytest.mark.parametrize(("times", "text"), [([2, 1], "chronological"), ([NOW - 25 * HOUR, NOW], "24 hours")])
def test_events_that_do_not_belong_together_are_refused(times: list[int], text: str) -> None:
    with pytest.raises(Unacceptable, match=text):
        put(*times)
