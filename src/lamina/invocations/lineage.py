"""How often a chain of events has come by each function: a count in the trace header, as AWS keeps it. Pure.

    Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=43e12f0f:5|c512fbe3:2

AWS's SDKs send the header that a function was given along with what it asks of other services, so that an event which
comes of it carries the counts. https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

# AWS's: the next invocation in the chain is not made.
INVOCATIONS_MAX: Final = 16
_LINEAGE: Final = re.compile(r"(?:^|;)\s*Lineage=([^;]*)")
# SDKs send the bar that stands between two as %7C.
_COUNT: Final = re.compile(r"([0-9a-f]{8}):(\d{1,4})(?!\d)", re.ASCII)


# Those of functions that are gone stay until others come; to reckon one anew takes a microsecond.
@lru_cache(256)
def mark(function: str) -> str:
    """What stands for *function*, an ARN whose qualifier does not count."""
    return hashlib.sha256(":".join(function.split(":")[:7]).encode()).hexdigest()[:8]


def count(header: str, function: str) -> int:
    """How often the chain of *header* has come by *function* so far."""
    return _counts(header).get(mark(function), 0) if "Lineage=" in header else 0


def counted(header: str, function: str) -> str:
    """The *header* for *function*, with this invocation in it."""
    if "Lineage=" not in header:
        return f"{header};Lineage={mark(function)}:1"
    counts = _counts(header)
    return _with(header, counts | {mark(function): counts.get(mark(function), 0) + 1})


def merged(headers: Sequence[str]) -> str | None:
    """The header for what is handed over together and came with *headers*: of the first, with the highest counts."""
    if len(headers) < 2:
        return headers[0] if headers else None
    highest: dict[str, int] = {}
    for header in headers:
        for function, number in _counts(header).items():
            highest[function] = max(number, highest.get(function, 0))
    return _with(headers[0], highest) if highest else headers[0]


def _counts(header: str) -> dict[str, int]:
    found = _LINEAGE.search(header)
    return {function: int(number) for function, number in _COUNT.findall(found[1])} if found else {}


def _with(header: str, counts: dict[str, int]) -> str:
    told = "|".join(f"{function}:{number}" for function, number in counts.items())
    return f"{_LINEAGE.sub('', header).removeprefix(';')};Lineage={told}"
