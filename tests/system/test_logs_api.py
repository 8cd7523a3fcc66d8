"""CloudWatch Logs as tools use it: boto3, its paginators, and the `aws` command."""

from __future__ import annotations

import json
import re
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.functions import Function, create, unique, wait_until
from tests.support.refusals import refusal
from tests.support.server import ACCOUNT, REGION, Server

HOUR_MS = 3_600_000
NO_GROUP = (400, "ResourceNotFoundException", "The specified log group does not exist.")
NO_STREAM = (400, "ResourceNotFoundException", "The specified log stream does not exist.")
BAD_TOKEN = (400, "InvalidParameterException", "The specified nextToken is invalid.")
TALKER = """
import logging
def handler(event, context):
    print("printed " + event["word"])
    logging.getLogger().warning("logged %s\\nin two lines", event["word"])
    return context.log_stream_name
"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def logs(shared_server: Server) -> Any:
    return shared_server.client("logs")


@pytest.fixture
def group(logs: Any) -> Iterator[str]:
    name = unique("/test/group")
    logs.create_log_group(logGroupName=name)
    yield name
    logs.delete_log_group(logGroupName=name)


@pytest.fixture
def stream(logs: Any, group: str) -> str:
    logs.create_log_stream(logGroupName=group, logStreamName="stream")
    return "stream"


def put(logs: Any, group: str, stream: str, *events: tuple[int, str]) -> Any:
    told = [{"timestamp": ms, "message": message} for ms, message in events]
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=told)


def messages(page: Any) -> list[str]:
    return [event["message"] for event in page["events"]]


class TestFunctions:
    """What functions say."""

    def test_an_invocation_is_in_the_functions_group_event_by_event(self, shared_server: Server, logs: Any) -> None:
        function, began = create(shared_server, TALKER), now_ms()
        stream = function.value({"word": "hello"})
        assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
        page = logs.get_log_events(
            logGroupName=f"/aws/lambda/{function.name}", logStreamName=stream, startFromHead=True
        )
        first, start, printed, logged, end, report = messages(page)
        assert first.startswith("INIT_START Runtime Version: python:")
        assert re.fullmatch(r"START RequestId: [0-9a-f-]{36} Version: \$LATEST\n", start)
        assert printed == "printed hello\n"
        assert re.fullmatch(r"\[WARNING\]\t\S+Z\t[0-9a-f-]{36}\tlogged hello\nin two lines\n", logged)
        assert end.startswith("END RequestId: ")
        assert re.fullmatch(r"REPORT RequestId: .+\t\n", report)
        times = [event["timestamp"] for event in page["events"]]
        assert times == sorted(times)
        assert all(began <= event["timestamp"] <= event["ingestionTime"] <= now_ms() for event in page["events"])

    def test_a_log_group_of_the_functions_choice_names_the_function_in_its_streams(
        self, shared_server: Server, logs: Any
    ) -> None:
        name = unique("chosen")
        function = create(shared_server, TALKER, LoggingConfig={"LogGroup": name})
        stream = function.value({"word": "hello"})
        assert re.fullmatch(rf"\d{{4}}/\d\d/\d\d/{function.name}\[\$LATEST\][0-9a-f]{{32}}", stream)
        assert "printed hello\n" in messages(logs.filter_log_events(logGroupName=name))

    def test_each_environment_has_a_stream(self, shared_server: Server, logs: Any) -> None:
        function = create(shared_server, TALKER)
        first = function.value({"word": "one"})
        function.update(Timeout=7)
        second = function.value({"word": "two"})
        name = f"/aws/lambda/{function.name}"
        page = logs.describe_log_streams(logGroupName=name, orderBy="LastEventTime", descending=True)
        assert [held["logStreamName"] for held in page["logStreams"]] == [second, first]
        found = logs.filter_log_events(logGroupName=name, filterPattern="printed")["events"]
        assert [(event["logStreamName"], event["message"]) for event in found] == [
            (first, "printed one\n"),
            (second, "printed two\n"),
        ]

    def test_what_a_function_writes_is_there_as_soon_as_it_has_answered(self, shared_server: Server, logs: Any) -> None:
        function = create(shared_server, TALKER)
        for number in range(20):
            function.value({"word": f"n{number}"})
            found = logs.filter_log_events(
                logGroupName=f"/aws/lambda/{function.name}", filterPattern=f'"printed n{number}"'
            )
            assert messages(found) == [f"printed n{number}\n"]

    def test_another_account_has_groups_of_its_own(self, shared_server: Server) -> None:
        other = shared_server.client("logs", account="210987654321")
        name = unique("own")
        other.create_log_group(logGroupName=name)
        assert name not in str(shared_server.client("logs").describe_log_groups(logGroupNamePrefix=name))
        (found,) = other.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        assert found["arn"] == f"arn:aws:logs:{REGION}:210987654321:log-group:{name}:*"


def tail(logs: Any, group: str, seen: set[str], since_ms: int) -> tuple[list[str], int]:
    """One look of `aws logs tail --follow`, as version 2 does it: everything since the last time, once."""
    found = []
    for page in logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=since_ms, interleaved=True
    ):
        for event in page["events"]:
            if event["eventId"] not in seen:
                seen.add(event["eventId"])
                since_ms = max(since_ms, event["timestamp"])
                found.append(event["message"])
    return found, since_ms


def test_following_a_group_gives_every_event_once(shared_server: Server, logs: Any) -> None:
    function: Function = create(shared_server, TALKER)
    since, seen, told = now_ms(), set[str](), list[str]()
    for number in range(10):
        function.value({"word": f"n{number}"})
        fresh, since = tail(logs, f"/aws/lambda/{function.name}", seen, since)
        told += fresh
    assert [line for line in told if line.startswith("printed")] == [f"printed n{number}\n" for number in range(10)]


def test_the_aws_command_shows_what_a_function_said(shared_server: Server) -> None:
    function = create(shared_server, TALKER)
    function.value({"word": "hello"})
    name = f"/aws/lambda/{function.name}"
    found = shared_server.aws_json("filter-log-events", "--log-group-name", name, service="logs")
    assert "printed hello\n" in messages(found)
    (held,) = shared_server.aws_json("describe-log-streams", "--log-group-name", name, service="logs")["logStreams"]
    page = shared_server.aws_json(
        "get-log-events", "--log-group-name", name, "--log-stream-name", held["logStreamName"], service="logs"
    )
    assert messages(page)[-1].startswith("REPORT")


class TestGroups:
    """Groups and their settings."""

    def test_a_group_is_described_as_it_was_created(self, logs: Any) -> None:
        name = unique("made")
        logs.create_log_group(logGroupName=name, tags={"team": "a"}, logGroupClass="INFREQUENT_ACCESS")
        (group,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"
        assert abs(group.pop("creationTime") - now_ms()) < 60_000
        assert group == {
            "logGroupName": name,
            "metricFilterCount": 0,
            "arn": f"{arn}:*",
            "storedBytes": 0,
            "logGroupClass": "INFREQUENT_ACCESS",
            "logGroupArn": arn,
            "deletionProtectionEnabled": False,
        }
        assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "a"}
        logs.tag_resource(resourceArn=arn, tags={"env": "x"})
        logs.untag_resource(resourceArn=arn, tagKeys=["team"])
        assert logs.list_tags_log_group(logGroupName=name)["tags"] == {"env": "x"}
        assert refusal(logs.create_log_group, logGroupName=name) == (
            400,
            "ResourceAlreadyExistsException",
            "The specified log group already exists",
        )
        logs.put_log_group_deletion_protection(logGroupIdentifier=name, deletionProtectionEnabled=True)
        assert refusal(logs.delete_log_group, logGroupName=name)[1] == "ValidationException"
        logs.put_log_group_deletion_protection(logGroupIdentifier=arn, deletionProtectionEnabled=False)
        logs.delete_log_group(logGroupName=name)
        assert refusal(logs.delete_log_group, logGroupName=name) == NO_GROUP
        assert logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"] == []

    def test_groups_are_listed_page_by_page_and_by_parts_of_their_names(self, logs: Any) -> None:
        prefix = unique("page")
        names = [f"{prefix}/{number:02}" for number in range(7)]
        for name in reversed(names):
            logs.create_log_group(logGroupName=name)
        pages = logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=prefix, PaginationConfig={"PageSize": 3}
        )
        assert [[group["logGroupName"] for group in page["logGroups"]] for page in pages] == [
            names[:3],
            names[3:6],
            names[6:],
        ]
        found = logs.describe_log_groups(logGroupNamePattern=f"{prefix[2:]}/0")["logGroups"]
        assert [group["logGroupName"] for group in found] == names
        both = {"logGroupNamePattern": prefix, "logGroupNamePrefix": prefix}
        assert refusal(logs.describe_log_groups, **both)[1] == "InvalidParameterException"

    def test_events_past_their_retention_are_shown_no_more(self, logs: Any, group: str, stream: str) -> None:
        put(logs, group, stream, (now_ms() - 30 * HOUR_MS, "old"))
        put(logs, group, stream, (now_ms(), "new"))
        assert messages(logs.filter_log_events(logGroupName=group)) == ["old", "new"]
        logs.put_retention_policy(logGroupName=group, retentionInDays=1)
        assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"] == 1
        assert messages(logs.filter_log_events(logGroupName=group)) == ["new"]
        rejected = put(logs, group, stream, (now_ms() - 30 * HOUR_MS, "older"))["rejectedLogEventsInfo"]
        assert rejected == {"expiredLogEventEndIndex": 1}
        logs.delete_retention_policy(logGroupName=group)
        assert messages(logs.filter_log_events(logGroupName=group)) == ["old", "new"]
        status, code, message = refusal(logs.put_retention_policy, logGroupName=group, retentionInDays=2)
        assert (status, code) == (400, "InvalidParameterException")
        assert (message or "").startswith(
            "1 validation error detected: Value '2' at 'retentionInDays' failed to satisfy"
        )


class TestStreams:
    """Streams."""

    def test_streams_are_listed_by_name_or_by_their_last_event(self, logs: Any, group: str) -> None:
        for number, name in enumerate(["b", "a", "c"]):
            logs.create_log_stream(logGroupName=group, logStreamName=name)
            put(logs, group, name, (now_ms() + number, "x"))
        logs.create_log_stream(logGroupName=group, logStreamName="empty")

        def names(**how: Any) -> list[list[str]]:
            pages = logs.get_paginator("describe_log_streams").paginate(
                logGroupName=group, PaginationConfig={"PageSize": 2}, **how
            )
            return [[held["logStreamName"] for held in page["logStreams"]] for page in pages]

        assert names() == [["a", "b"], ["c", "empty"]]
        assert names(descending=True) == [["empty", "c"], ["b", "a"]]
        assert names(orderBy="LastEventTime", descending=True) == [["c", "a"], ["b", "empty"]]
        assert names(logStreamNamePrefix="e") == [["empty"]]
        both = {"orderBy": "LastEventTime", "logStreamNamePrefix": "e"}
        assert refusal(logs.describe_log_streams, logGroupName=group, **both) == (
            400,
            "InvalidParameterException",
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        )

    def test_a_deleted_stream_takes_its_events_with_it(self, logs: Any, group: str, stream: str) -> None:
        put(logs, group, stream, (now_ms(), "before"))
        assert refusal(logs.create_log_stream, logGroupName=group, logStreamName=stream) == (
            400,
            "ResourceAlreadyExistsException",
            "The specified log stream already exists",
        )
        logs.delete_log_stream(logGroupName=group, logStreamName=stream)
        assert refusal(logs.get_log_events, logGroupName=group, logStreamName=stream) == NO_STREAM
        assert refusal(logs.delete_log_stream, logGroupName=group, logStreamName=stream) == NO_STREAM
        assert messages(logs.filter_log_events(logGroupName=group)) == []
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        put(logs, group, stream, (now_ms(), "after"))
        assert messages(logs.filter_log_events(logGroupName=group)) == ["after"]


class TestEvents:
    """Events."""

    def test_what_is_missing_is_told(self, logs: Any, group: str) -> None:
        missing = unique("missing")
        assert refusal(logs.filter_log_events, logGroupName=missing) == NO_GROUP
        assert refusal(logs.describe_log_streams, logGroupName=missing) == NO_GROUP
        assert refusal(logs.create_log_stream, logGroupName=missing, logStreamName="s") == NO_GROUP
        event = [{"timestamp": now_ms(), "message": "x"}]
        assert refusal(logs.put_log_events, logGroupName=missing, logStreamName="s", logEvents=event) == NO_GROUP
        assert refusal(logs.put_log_events, logGroupName=group, logStreamName="s", logEvents=event) == NO_STREAM
        assert refusal(logs.filter_log_events, logGroupName=group, logStreamNames=["s"]) == NO_STREAM

    def test_pages_go_forward_from_the_head_and_the_last_token_goes_on(
        self, logs: Any, group: str, stream: str
    ) -> None:
        began = now_ms()
        put(logs, group, stream, *((began + number, f"m{number}") for number in range(7)))

        def page(token: str | None = None, **how: Any) -> Any:
            more = {} if token is None else {"nextToken": token}
            return logs.get_log_events(logGroupName=group, logStreamName=stream, limit=3, **more, **how)

        head = page(startFromHead=True)
        assert messages(head) == ["m0", "m1", "m2"]
        second = page(head["nextForwardToken"])
        third = page(second["nextForwardToken"])
        assert (messages(second), messages(third)) == (["m3", "m4", "m5"], ["m6"])
        end = page(third["nextForwardToken"])
        assert (end["events"], end["nextForwardToken"]) == ([], third["nextForwardToken"])
        put(logs, group, stream, (began + 7, "m7"))
        assert messages(page(end["nextForwardToken"])) == ["m7"], "the token of the end finds what came since"
        assert messages(page(third["nextBackwardToken"])) == ["m3", "m4", "m5"]
        latest = page()
        assert messages(latest) == ["m5", "m6", "m7"]
        assert messages(page(latest["nextBackwardToken"])) == ["m2", "m3", "m4"]
        first = page(head["nextBackwardToken"])
        assert (first["events"], first["nextBackwardToken"]) == ([], head["nextBackwardToken"])
        assert re.fullmatch(r"f/\d{56}/s", head["nextForwardToken"])
        assert refusal(page, token="nonsense") == BAD_TOKEN

    def test_a_stream_without_events_has_tokens_that_find_the_first(self, logs: Any, group: str, stream: str) -> None:
        empty = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
        put(logs, group, stream, (now_ms(), "first"))
        token = empty["nextForwardToken"]
        found = logs.get_log_events(logGroupName=group, logStreamName=stream, nextToken=token, startFromHead=True)
        assert messages(found) == ["first"]

    def test_a_search_goes_over_all_streams_by_time(self, logs: Any, group: str) -> None:
        began = now_ms()
        for number in range(3):
            logs.create_log_stream(logGroupName=group, logStreamName=f"s{number}")
            put(logs, group, f"s{number}", *((began + 10 * each + number, f"{each}{number}") for each in range(4)))
        expected = [f"{each}{number}" for each in range(4) for number in range(3)]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, PaginationConfig={"PageSize": 5})
        assert [messages(page) for page in pages] == [expected[:5], expected[5:10], expected[10:]]
        backward = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startFromHead=False, PaginationConfig={"PageSize": 5}
        )
        assert [message for page in backward for message in messages(page)] == expected[::-1]

        def found(**how: Any) -> list[str]:
            return messages(logs.filter_log_events(logGroupName=group, **how))

        assert found(startTime=began + 10, endTime=began + 12) == ["10", "11"]
        assert found(logStreamNames=["s2", "s0"], endTime=began + 10) == ["00", "02"]
        assert found(logStreamNamePrefix="s1", endTime=began + 12) == ["01", "11"]
        assert found(filterPattern="?11 ?22") == ["11", "22"]
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
        assert messages(logs.filter_log_events(logGroupIdentifier=arn, limit=1)) == ["00"]
        bad = {"logStreamNames": ["s1"], "logStreamNamePrefix": "s"}
        assert refusal(logs.filter_log_events, logGroupName=group, **bad)[1] == "InvalidParameterException"
        assert refusal(logs.filter_log_events, logGroupName=group, filterPattern="x-y") == (
            400,
            "InvalidParameterException",
            "Invalid character(s) in term 'x-y'",
        )

    def test_json_messages_are_searched_by_their_members(self, logs: Any, group: str, stream: str) -> None:
        put(logs, group, stream, *((now_ms(), json.dumps({"level": level})) for level in ("INFO", "ERROR")))
        found = logs.filter_log_events(logGroupName=group, filterPattern='{ $.level = "ERROR" }')
        assert messages(found) == ['{"level": "ERROR"}']

    def test_a_page_has_about_a_megabyte_at_most(self, logs: Any, group: str, stream: str) -> None:
        for number in range(5):
            put(logs, group, stream, (now_ms(), f"{number}" + "x" * 400_000))
        page = logs.filter_log_events(logGroupName=group)
        assert [message[0] for message in messages(page)] == ["0", "1"]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        assert [message[0] for page in pages for message in messages(page)] == list("01234")

    def test_any_text_comes_back_as_it_was_put(self, logs: Any, group: str, stream: str) -> None:
        texts = [
            "\n",
            "a\n",
            "a\nb",
            "\\",
            "\\n",
            "a\\\n",
            "\\\\\n\n",
            "=1",
            "@1 1 1 s",
            " \r\n",
            "\x00\u20ac\U0001f600",
        ]
        put(logs, group, stream, *((now_ms(), text) for text in texts))
        assert messages(logs.filter_log_events(logGroupName=group)) == texts

    def test_events_out_of_time_are_rejected_and_out_of_order_refused(self, logs: Any, group: str, stream: str) -> None:
        now = now_ms()
        answer = put(logs, group, stream, (now - 400 * HOUR_MS, "old"), (now, "new"), (now + 3 * HOUR_MS, "future"))
        assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}
        assert messages(logs.filter_log_events(logGroupName=group)) == ["new"]
        for events, sentence in (
            ([(now, "b"), (now - 1, "a")], "in chronological order"),
            ([(now - 25 * HOUR_MS, "a"), (now, "b")], "cannot span more than 24 hours"),
            ([(now, "x" * 600_000), (now, "x" * 600_000)], "Upload too large: 1200052 bytes exceeds limit of 1048576"),
            ([(now, "x" * 1_100_000)], "Log event too large: 1100026 bytes exceeds limit of 1048576"),
        ):
            told = [{"timestamp": ms, "message": text} for ms, text in events]
            refused = refusal(logs.put_log_events, logGroupName=group, logStreamName=stream, logEvents=told)
            assert refused[:2] == (400, "InvalidParameterException")
            assert sentence in (refused[2] or "")


def test_operations_that_are_not_built_are_refused_by_an_error_of_their_own(logs: Any) -> None:
    assert refusal(logs.describe_metric_filters) == (
        400,
        "InvalidParameterException",
        "Lamina does not implement DescribeMetricFilters.",
    )
    assert refusal(logs.describe_deliveries)[1] == "ValidationException"


def test_events_that_were_acknowledged_survive_kill_9(tmp_path: Path) -> None:
    server = Server.start(tmp_path / "state")
    logs = server.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    logs.put_retention_policy(logGroupName="g", retentionInDays=7)
    function = create(server, TALKER)
    began = now_ms()
    for number in range(50):
        put(logs, "g", "s", (began + number, f"m{number}"))
    function.value({"word": "hello"})
    said = f"/aws/lambda/{function.name}"
    # The answer does not wait for the log; what was once shown must stay.
    wait_until(lambda: "printed hello\n" in messages(logs.filter_log_events(logGroupName=said)))
    server.kill()
    with Server.started(server.state) as after:
        logs = after.client("logs")
        assert messages(logs.filter_log_events(logGroupName="g")) == [f"m{number}" for number in range(50)]
        assert "printed hello\n" in messages(logs.filter_log_events(logGroupName=said))
        assert logs.describe_log_groups(logGroupNamePrefix="g")["logGroups"][0]["retentionInDays"] == 7
        put(logs, "g", "s", (began + 50, "m50"))
        wait_until(lambda: messages(logs.filter_log_events(logGroupName="g"))[-1] == "m50")


def test_a_function_reads_and_writes_logs_of_its_own_account(shared_server: Server, logs: Any, group: str) -> None:
    inside = """
        import boto3, time
        def handler(event, context):
            logs = boto3.client("logs")
            logs.create_log_stream(logGroupName=event, logStreamName="inside")
            now = int(time.time() * 1000)
            told = [{"timestamp": now, "message": "from inside"}]
            logs.put_log_events(logGroupName=event, logStreamName="inside", logEvents=told)
            return [found["message"] for found in logs.filter_log_events(logGroupName=event)["events"]]
    """
    function = create(shared_server, textwrap.dedent(inside), Timeout=30, MemorySize=512)
    assert function.value(group) == ["from inside"]
    assert messages(logs.filter_log_events(logGroupName=group)) == ["from inside"]
