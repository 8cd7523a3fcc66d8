"""The three timestamp formats of the AWS protocols, both ways; always aware, always UTC."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from lamina.wire.faults import unreadable

ISO8601, RFC822, UNIX = "iso8601", "rfc822", "unixTimestamp"


def parse_timestamp(value: object, form: str) -> datetime:
    """*value* as sent (a number, or text as a query or header holds it) in the format *form*."""
    try:
        if form == UNIX:
            return _from_epoch(value)
        if isinstance(value, str):
            return _aware(datetime.fromisoformat(value) if form == ISO8601 else parsedate_to_datetime(value))
    except (ValueError, OverflowError, OSError) as error:
        raise unreadable(f"Unable to parse the timestamp {value!r}") from error
    raise unreadable(f"Unable to parse the timestamp {value!r}")


def print_timestamp(moment: datetime | float, form: str) -> str | int | float:
    """*moment* (a naive one is UTC, a number seconds since 1970) as the wire holds it: text, or a number for UNIX."""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    moment = _aware(moment)
    if form == UNIX:
        seconds = moment.timestamp()
        return int(seconds) if seconds.is_integer() else seconds
    if form == RFC822:
        return format_datetime(moment.replace(microsecond=0), usegmt=True)
    text = moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds")
    return text.removesuffix("+00:00") + "Z"


def _from_epoch(value: object) -> datetime:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("not a number")
    # Whole seconds apart from the rest: a float near 2^31 has no room for exact microseconds of its own.
    fraction, whole = math.modf(float(value))
    return datetime.fromtimestamp(int(whole), UTC).replace(microsecond=0) + _microseconds(fraction)


def _microseconds(fraction: float) -> timedelta:
    return timedelta(microseconds=round(fraction * 1_000_000))


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
