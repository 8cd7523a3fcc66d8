"""Log events: put, read stream by stream, searched for in a group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.log_store import batches
from lamina.log_store.groups import LogGroups
from lamina.log_store.reading import LogReader, Page, Wanted
from lamina.log_store.writing import LogWriter
from lamina.logs.events import PageToken, StoredEvent
from lamina.logs.names import LogGroupArn
from lamina.logs.patterns import BadPattern, Predicate, compile_pattern
from lamina.logs.putting import Unacceptable, accept
from lamina.logs.retention import oldest_ms
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.log_addresses import (
    existing,
    identified_group,
    invalid_parameter,
    invalid_token,
    named_group,
    stream_not_found,
)
from lamina.operations.log_streams import LogStreamOperations
from lamina.operations.stamps import Stamps

_PAGE = 10_000
# Later than any event.
_END_MS = 1 << 62


class LogEventOperations:
    """The operations on events."""

    def __init__(
        self, groups: LogGroups, writer: LogWriter, reader: LogReader, streams: LogStreamOperations, stamps: Stamps
    ) -> None:
        self._groups, self._writer, self._reader = groups, writer, reader
        self._streams, self._stamps = streams, stamps

    def put_log_events(self, call: Call, request: Parameters) -> Output:
        group, stream, events = named_group(call, request), request["logStreamName"], request["logEvents"]
        settings = existing(self._groups, group)
        if not self._streams.exists(group, stream):
            raise stream_not_found()
        now_ms = int(self._stamps.seconds() * 1000)
        try:
            accepted = accept(events, now_ms, oldest_ms(settings.retention_days, now_ms))
        except Unacceptable as error:
            raise invalid_parameter(str(error)) from None
        kept = events[accepted.first : accepted.end]
        if kept:
            pieces = [(event["timestamp"], batches.message(event["message"].encode())) for event in kept]
            self._writer.append(group, batches.batch(stream, now_ms, pieces))
        # The token is ignored by the service since 2023, and asked for by older clients still.
        answer: dict[str, Any] = {
            "nextSequenceToken": f"{now_ms:056d}",
            "rejectedLogEventsInfo": accepted.rejected or None,
        }
        if request.get("entity"):
            # Nothing here relates logs to entities, and so the service says where it does not either.
            answer["rejectedEntityInfo"] = {"errorType": "UnsupportedLogGroupType"}
        return answer

    def get_log_events(self, call: Call, request: Parameters) -> Output:
        group, stream = identified_group(call, request), request["logStreamName"]
        existing(self._groups, group)
        if not self._streams.exists(group, stream):
            raise stream_not_found()
        token = _token(request.get("nextToken"))
        forward = bool(request.get("startFromHead")) if token is None else token.forward
        page = self._page(group, request, token, forward=forward, stream=stream.__eq__)
        events = page.events
        first_ms = request.get("startTime", 0)
        if events:
            back = PageToken(events[0].position, forward=False)
            onward = PageToken(events[-1].position, forward=True)
        elif token is not None:
            # At either end the same token comes back, and goes on to work for what is still to come.
            back, onward = PageToken(token.position, forward=False), PageToken(token.position, forward=True)
        else:
            back, onward = PageToken.at(first_ms, forward=False), PageToken.at(first_ms, forward=True)
        if page.resume is not None:
            # Where the search was too long for one answer, that is not at an event.
            back, onward = (back, PageToken(page.resume, True)) if forward else (PageToken(page.resume, False), onward)
        return {
            "events": [_output(event) for event in events],
            "nextForwardToken": str(onward),
            "nextBackwardToken": str(back),
        }

    def filter_log_events(self, call: Call, request: Parameters) -> Output:
        group = identified_group(call, request)
        names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix")
        if names is not None and prefix is not None:
            raise invalid_parameter("logStreamNamePrefix and logStreamNames are mutually exclusive parameters.")
        matches = _compiled(request.get("filterPattern", ""))
        existing(self._groups, group)
        stream: Callable[[str], bool] | None = None
        if names is not None:
            if not all(self._streams.exists(group, name) for name in names):
                raise stream_not_found()
            stream = frozenset(names).__contains__
        elif prefix is not None:
            stream = lambda name: name.startswith(prefix)  # noqa: E731 - one of three
        token = _token(request.get("nextToken"))
        forward = request.get("startFromHead", True) if token is None else token.forward
        page = self._page(group, request, token, forward=forward, stream=stream, matches=matches)
        ordered = page.events if forward else page.events[::-1]
        return {
            "events": [{**_output(event), "logStreamName": event.stream, "eventId": event.id} for event in ordered],
            "searchedLogStreams": [],
            "nextToken": None if page.resume is None else str(PageToken(page.resume, forward)),
        }

    def _page(
        self,
        group: LogGroupArn,
        request: Parameters,
        token: PageToken | None,
        *,
        forward: bool,
        stream: Callable[[str], bool] | None,
        matches: Predicate | None = None,
    ) -> Page:
        settings = existing(self._groups, group)
        kept_ms = oldest_ms(settings.retention_days, int(self._stamps.seconds() * 1000))
        wanted = Wanted(
            first_ms=max(kept_ms, request.get("startTime", 0)),
            end_ms=request.get("endTime", _END_MS),
            after=token.position if token is not None and token.forward else -1,
            before=token.position if token is not None and not token.forward else None,
            stream=stream,
            matches=matches,
        )
        deleted = self._groups.streams(group).deleted
        limit = request.get("limit", _PAGE)
        return self._reader.page(self._groups.folder(group), wanted, deleted, limit, forward=forward)


def _compiled(pattern: str) -> Predicate | None:
    try:
        return compile_pattern(pattern)
    except BadPattern as error:
        raise invalid_parameter(str(error)) from None


def _token(text: str | None) -> PageToken | None:
    if text is None:
        return None
    token = PageToken.parse(text)
    if token is None:
        raise invalid_token()
    return token


def _output(event: StoredEvent) -> dict[str, Any]:
    return {"timestamp": event.ms, "message": event.message, "ingestionTime": event.ingested_ms}
