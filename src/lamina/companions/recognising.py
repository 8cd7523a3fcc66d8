"""Which of the companions a request is for, told by what it was signed for, or else by its form. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

# The services that are tested here, by the names that requests are signed for; moto has more.
SHOWN: Final = ("s3", "iam", "sts", "ssm", "ecr", "sqs", "sns", "events")

# A bucket before one of the names that mean this machine, or AWS itself, where a tool was led here by other means.
_HOST: Final = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]*?)\.)??"
    r"(?P<s3>s3(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-\d)?\.)?"
    r"(?P<domain>localhost(?:\.localstack\.cloud)?|amazonaws\.com)(?::\d+)?",
    re.ASCII | re.IGNORECASE,
)
# Every path of Lambda's API begins with the date of a version of it.
_LAMBDA: Final = re.compile(r"/\d{4}-\d{2}-\d{2}/", re.ASCII)
_ACCESS_KEY: Final = re.compile(r"(?:^|&)AWSAccessKeyId=([^&]+)")


@dataclass(frozen=True, slots=True)
class Recognised:
    """The `service` by the name that requests are signed for, and the `target` in the path's own words."""

    service: str
    target: str
    # Of a request with a signature of version 2, as S3 still takes them; None of all others.
    access_key: str | None = None


def recognise(method: str, target: str, headers: Mapping[str, str], signed_for: str | None) -> Recognised | None:
    """What a request is for that is not for a service of the server's own; None where it looks like Lambda's.

    A bucket named by the host comes to stand in the path, which is where the companion looks for it.
    """
    if signed_for is not None and signed_for != "s3":
        return Recognised(signed_for, target)
    key = _access_key(target, headers)
    signed = signed_for == "s3" or key is not None
    if not signed and _LAMBDA.match(target):
        return None
    host = _HOST.fullmatch(headers.get("host", ""))
    bucket = _bucket(host) if host is not None else None
    if signed:
        return Recognised("s3", _with_bucket(target, bucket), key)
    if bucket is not None or (host is not None and host["s3"]):
        return Recognised("s3", _with_bucket(target, bucket))
    kind = headers.get("content-type", "")
    if method == "POST" and kind.startswith("application/x-www-form-urlencoded") and target.partition("?")[0] == "/":
        # The few questions to STS that nobody need sign.
        return Recognised("sts", target)
    if "x-amz-target" in headers:
        return None
    # An object that anybody may read, a form that was signed for an upload.
    public = method in ("GET", "HEAD") and target.partition("?")[0].count("/") > 1
    form = method == "POST" and kind.startswith("multipart/form-data")
    return Recognised("s3", target) if public or form else None


def _bucket(host: re.Match[str]) -> str | None:
    if host["domain"].lower() == "amazonaws.com" and not host["s3"]:
        return None
    return host["bucket"]


def _with_bucket(target: str, bucket: str | None) -> str:
    return target if bucket is None else f"/{bucket}{target}"


def _access_key(target: str, headers: Mapping[str, str]) -> str | None:
    authorization = headers.get("authorization", "")
    if authorization.startswith("AWS "):
        return authorization[4:].partition(":")[0]
    if "Signature=" not in target:
        return None
    found = _ACCESS_KEY.search(target.partition("?")[2])
    return unquote(found[1]) if found is not None else None
