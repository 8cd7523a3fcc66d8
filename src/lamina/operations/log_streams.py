"""Log streams: made, listed, deleted."""

from __future__ import annotations

from typing import Any

from lamina.log_store.groups import LogGroups
from lamina.log_store.reading import LogReader, Span
from lamina.log_store.streams import CREATED_MAX
from lamina.log_store.writing import LogWriter
from lamina.logs.names import LogGroupArn
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.log_addresses import (
    existing,
    group_not_found,
    identified_group,
    invalid_parameter,
    invalid_token,
    limit_exceeded,
    named_group,
    stream_exists,
    stream_not_found,
)
from lamina.operations.stamps import Stamps

_PAGE = 50


class LogStreamOperations:
    """The operations on streams themselves."""

    def __init__(self, groups: LogGroups, writer: LogWriter, reader: LogReader, stamps: Stamps) -> None:
        self._groups, self._writer, self._reader, self._stamps = groups, writer, reader, stamps

    def create_log_stream(self, call: Call, request: Parameters) -> Output:
        group, name = named_group(call, request), request["logStreamName"]
        existing(self._groups, group)
        if "\n" in name:
            raise invalid_parameter("Lamina does not support line breaks in the names of log streams")
        if self.exists(group, name):
            raise stream_exists()
        streams = self._groups.streams(group)
        if len(streams.created) >= CREATED_MAX:
            raise limit_exceeded()
        try:
            streams.create(name, self._now_ms())
        except FileNotFoundError:
            raise group_not_found() from None
        return {}

    def delete_log_stream(self, call: Call, request: Parameters) -> Output:
        group, name = named_group(call, request), request["logStreamName"]
        existing(self._groups, group)
        if not self.exists(group, name):
            raise stream_not_found()
        try:
            self._groups.streams(group).delete(name, self._now_ms(), self._writer.end_of(group))
        except FileNotFoundError:
            raise group_not_found() from None
        return {}

    def describe_log_streams(self, call: Call, request: Parameters) -> Output:
        group = identified_group(call, request)
        prefix, by_time = request.get("logStreamNamePrefix"), request.get("orderBy") == "LastEventTime"
        if by_time and prefix is not None:
            raise invalid_parameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
        existing(self._groups, group)
        found = [held for held in self._all(group) if held["logStreamName"].startswith(prefix or "")]

        def order(stream: dict[str, Any]) -> tuple[int, str]:
            return (stream.get("lastEventTimestamp", 0) if by_time else 0), stream["logStreamName"]

        backward = bool(request.get("descending"))
        found.sort(key=order, reverse=backward)
        if token := request.get("nextToken"):
            after = _position(token)
            found = [held for held in found if (order(held) < after if backward else order(held) > after)]
        size = request.get("limit", _PAGE)
        following = None
        if len(found) > size:
            ms, name = order(found[size - 1])
            following = f"{ms}@{name}"
        return {"logStreams": found[:size], "nextToken": following}

    def exists(self, group: LogGroupArn, name: str) -> bool:
        """Whether the group has the stream, created by name or by an event."""
        streams = self._groups.streams(group)
        return name in streams.created or name in self._spans(group)

    def _all(self, group: LogGroupArn) -> list[dict[str, Any]]:
        created, spans = self._groups.streams(group).created, self._spans(group)
        return [_described(group, name, created.get(name), spans.get(name)) for name in {*created, *spans}]

    def _spans(self, group: LogGroupArn) -> dict[str, Span]:
        return self._reader.spans(self._groups.folder(group), self._groups.streams(group).deleted)

    def _now_ms(self) -> int:
        return int(self._stamps.seconds() * 1000)


def _described(group: LogGroupArn, name: str, created_ms: int | None, span: Span | None) -> dict[str, Any]:
    described: dict[str, Any] = {"logStreamName": name, "arn": group.stream(name), "storedBytes": 0}
    if span is None:
        return {**described, "creationTime": created_ms}
    return {
        **described,
        "creationTime": created_ms or span.ingested_first_ms,
        "firstEventTimestamp": span.first_ms,
        "lastEventTimestamp": span.last_ms,
        "lastIngestionTime": span.ingested_last_ms,
        # Ignored by the service since 2023, sent by it still.
        "uploadSequenceToken": f"{span.ingested_last_ms:056d}",
    }


def _position(token: str) -> tuple[int, str]:
    ms, mark, name = token.partition("@")
    if not mark or not ms.isdigit() or len(ms) > 20:
        raise invalid_token()
    return int(ms), name
