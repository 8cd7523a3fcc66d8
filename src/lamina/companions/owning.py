"""Whose resources a question is about, as far as it names them. Pure.

moto looks an ARN up in whichever account it names, and at no policy: between accounts that are to be kept apart, what
is another's must not come so far.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote, unquote_plus

from lamina.companions.messages import Question

_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:(?P<service>[a-z0-9-]+):[a-z0-9-]*:(?P<account>\d{12}):.+", re.ASCII | re.DOTALL
)
_NAMED_INSIDE: Final = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:\d{12}:[^\0-\x20\x7f-\uffff]+", re.ASCII)
_PAIR: Final = re.compile("[^&]+")
# They hand on to resources of other services, which ARNs name.
_HANDING_ON: Final = frozenset(("sns", "events", "scheduler", "pipes"))
# The service whose ARNs a request to another names.
_NAMED_BY: Final = {"sts": "iam"}


def foreign_arn(question: Question, service: str, account: str) -> str | None:
    """A resource of another account than *account* that *question* to *service* is about; None for its own alone.

    What is a whole value counts: other accounts' ARNs inside of documents, such as policies, are only talked about.
    """
    if service == "s3":
        # Buckets have no account in their names; whose each is, the service knows.
        return None
    for text in _values(question):
        found = _ARN.fullmatch(text)
        if found is None or found["account"] == account:
            continue
        if service in _HANDING_ON or found["service"] == _NAMED_BY.get(service, service):
            return text
    return None


def members(question: Question) -> Iterator[tuple[str, str]]:
    """What *question* says in its query, and in its body where that can be read as a form: moto reads any body so."""
    yield from _pairs(question.query)
    yield from _pairs(_text(question))


def hides_something(question: Question) -> bool:
    """Whether the body of *question* is in parts or still packed: moto takes both apart, and `foreign_arn` neither."""
    packed = (question.header("content-encoding") or "identity").strip().lower() != "identity"
    return packed or "multipart/" in (question.header("content-type") or "").lower()


def _values(question: Question) -> Iterator[str]:
    yield from (unquote(part) for part in question.path.split("/"))
    yield unquote(question.path).strip("/")
    yield from (value for _, value in members(question))
    text = _text(question)
    try:
        yield from _strings(json.loads(text))
    except (ValueError, RecursionError):
        if "cbor" in (question.header("content-type") or "").lower():
            # Texts stand in it as they are.
            yield from _NAMED_INSIDE.findall(text)


def _pairs(form: str) -> Iterator[tuple[str, str]]:
    """The pairs of *form*, one after the other: all together can take a hundred times as much."""
    for found in _PAIR.finditer(form):
        name, _, value = found[0].partition("=")
        yield unquote_plus(name), unquote_plus(value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _text(question: Question) -> str:
    return b"".join(question.body).decode("utf-8", "replace")
