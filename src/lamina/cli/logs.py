"""`lamina logs`: what a function said."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.endpoints import EndpointUrl, chosen
from lamina.cli.failures import Failure
from lamina.cli.log_reading import Event, as_json, as_text, follow, moment_ms

if TYPE_CHECKING:
    from lamina.workshop.endpoint import Endpoint

_SINCE = "From when on: 30s, 5m, 2h, 1d, 1w ago, or a time such as 2026-01-31T12:00:00Z."
_FILTER = (
    "Only events that match, in CloudWatch's language: ERROR, '\"two words\"', '?one ?other', '{ $.level = \"WARN\" }'."
)


def logs(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A function's name or ARN, or a log group's from / on.")],
    follow_on: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    since: Annotated[str, typer.Option(metavar="WHEN", help=_SINCE)] = "10m",
    pattern: Annotated[str, typer.Option("--filter", metavar="PATTERN", help=_FILTER)] = "",
    json_lines: Annotated[bool, typer.Option("--json", help="Print each event as a line of JSON.")] = False,
    endpoint: EndpointUrl = None,
) -> None:
    """Show what a function said, oldest first.

    What the platform said of it is there too: START, END and REPORT of each call. Times are UTC.

    \b
    Examples:
      lamina logs hello --follow
      lamina logs hello --since 2h --filter ERROR
      lamina logs hello --json --filter '{ $.level = "ERROR" }'
    """
    try:
        since_ms = moment_ms(since, time.time_ns() // 1_000_000)
    except (ValueError, OverflowError):
        raise Failure(
            f"--since {since!r} is no time", "Such as 5m, 2h, 1d or 2026-01-31T12:00:00Z.", Failure.USAGE
        ) from None
    at = chosen(endpoint)
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    with at.asking():
        group = _Group(name, at, pattern)
        events = follow(group.search, since_ms) if follow_on else group.search(since_ms)
        for event in events:
            print(as_json(event) if json_lines else as_text(event, coloured=coloured), flush=follow_on)


class _Group:
    """The log group that a name means on a server."""

    def __init__(self, name: str, endpoint: Endpoint, pattern: str) -> None:
        self._endpoint = endpoint
        self._pattern = pattern
        self._logs = endpoint.client("logs")
        self._function = None if name.startswith("/") else name
        self._name = name if self._function is None else self._of_function(name)

    def search(self, since_ms: int) -> Iterator[Event]:
        """The group's events from *since_ms* on; none of a function that has not said anything yet."""
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=self._name, startTime=since_ms, filterPattern=self._pattern
        )
        try:
            for page in pages:
                yield from page["events"]
        except self._logs.exceptions.ResourceNotFoundException:
            if self._function is None:
                raise

    def _of_function(self, name: str) -> str:
        """The group that the function *name* logs to; of one that is gone, the group that it left."""
        lambda_ = self._endpoint.client("lambda")
        try:
            configuration = lambda_.get_function_configuration(FunctionName=name)
        except lambda_.exceptions.ResourceNotFoundException as error:
            left = f"/aws/lambda/{name.rpartition(':')[2]}"
            found = self._logs.describe_log_groups(logGroupNamePrefix=left)["logGroups"]
            if any(group["logGroupName"] == left for group in found):
                return left
            raise Failure(
                f"there is no function {name}, and there are no logs of one", "`aws lambda list-functions` lists them."
            ) from error
        return str(configuration["LoggingConfig"]["LogGroup"])
