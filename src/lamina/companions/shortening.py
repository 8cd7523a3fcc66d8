"""Which of the questions in a journal need not be asked again, because a later one undid all they did. Pure.

Left out is only what certainly leaves nothing: objects that were deleted or overwritten in buckets that never had
versions and that nothing was copied from, buckets that were deleted, roles that were deleted. A deployment that comes
and goes leaves little more than this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, unquote

from lamina.companions.messages import ACCOUNT_HEADER, Question
from lamina.companions.recording import operation_of, service_of

# What a client adds to the query for nothing but its own logs.
_NOTHING: Final = frozenset(("", "x-id=PutObject", "x-id=DeleteObject", "x-id=CopyObject"))
_BUCKETS: Final = ("versioning", "object-lock", "replication")
_COPIED: Final = re.compile(r"/?([^/?]+)/")


@dataclass(slots=True)
class _Bucket:
    """The questions about one bucket and its objects, by their place in the journal, from one creation to its end."""

    own: list[int] = field(default_factory=list)
    objects: dict[str, list[int]] = field(default_factory=dict)
    # Uploads in parts that have begun, of each object, and have not ended.
    open_uploads: dict[str, int] = field(default_factory=dict)
    kept: bool = False


def needless(questions: Iterable[Question]) -> frozenset[int]:
    """The places, from 0, of those among *questions* that can be left out."""
    found: set[int] = set()
    buckets: dict[str, _Bucket] = {}
    roles: dict[tuple[str, str], list[int]] = {}
    for place, question in enumerate(questions):
        service = service_of(question)
        if service == "s3":
            found.update(_of_bucket(buckets, place, question))
        elif service == "iam":
            found.update(_of_role(roles, place, question))
    return frozenset(found)


def _of_bucket(buckets: dict[str, _Bucket], place: int, question: Question) -> Sequence[int]:
    name, _, key = question.path.removeprefix("/").partition("/")
    bucket = buckets.setdefault(name, _Bucket())
    source = question.header("x-amz-copy-source")
    if source is not None and (copied := _COPIED.match(unquote(source))) is not None:
        buckets.setdefault(copied[1], _Bucket()).kept = True
    if not key:
        return _of_bucket_itself(buckets, name, place, question)
    undone = _of_object(bucket, key, place, question)
    return () if bucket.kept else undone


def _of_bucket_itself(buckets: dict[str, _Bucket], name: str, place: int, question: Question) -> Sequence[int]:
    bucket = buckets[name]
    if question.query.partition("=")[0] in _BUCKETS:
        bucket.kept = True
    if question.method != "DELETE" or question.query:
        bucket.own.append(place)
        return ()
    # Only an empty bucket is deleted; its name may be another one's from here on.
    del buckets[name]
    if bucket.kept:
        return ()
    return [*bucket.own, place, *(each for places in bucket.objects.values() for each in places)]


def _of_object(bucket: _Bucket, key: str, place: int, question: Question) -> Sequence[int]:
    before = bucket.objects.setdefault(key, [])
    before.append(place)
    query = question.query
    if question.method == "POST" and query.partition("=")[0] == "uploads":
        bucket.open_uploads[key] = bucket.open_uploads.get(key, 0) + 1
    elif "uploadId=" in query and question.method in ("POST", "DELETE"):
        bucket.open_uploads[key] = bucket.open_uploads.get(key, 0) - 1
    if query not in _NOTHING or question.method not in ("PUT", "DELETE") or bucket.open_uploads.get(key, 0) > 0:
        return ()
    undone = before if question.method == "DELETE" else before[:-1]
    bucket.objects[key] = [] if question.method == "DELETE" else [place]
    return undone


def _of_role(roles: dict[tuple[str, str], list[int]], place: int, question: Question) -> Sequence[int]:
    name = parse_qs(b"".join(question.body).decode("latin-1")).get("RoleName", [""])[0]
    if not name:
        return ()
    whose = question.header(ACCOUNT_HEADER) or "", name
    places = roles.setdefault(whose, [])
    places.append(place)
    # Its policies and profiles must have been taken away from it before.
    return roles.pop(whose) if operation_of(question) == "DeleteRole" else ()
