"""Spans: pieces of the time that a request took, each within another, and what says which trace they belong to.

X-Ray's header has what OpenTelemetry's contexts have, in other words: the root's digits are the trace's id, the parent
is a span's. https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_ROOT: Final = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})", re.ASCII | re.IGNORECASE)
_PARENT: Final = re.compile(r"[0-9a-f]{16}", re.ASCII | re.IGNORECASE)
# Later versions may say more behind it.
_TRACEPARENT: Final = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_SAMPLED: Final = {"0": False, "1": True}

INTERNAL: Final = 1
SERVER: Final = 2

Attributes = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A trace (32 hexadecimal digits), the span (16) that what follows belongs to, and whether it is recorded.

    `sampled` is None where that is left to whoever comes next; `rest` is what else stood in the header.
    """

    trace_id: str
    span_id: str | None
    sampled: bool | None
    rest: tuple[str, ...] = ()

    @classmethod
    def parse(cls, header: str) -> TraceContext | None:
        """What *header* says; None for one without a root that is one."""
        members = [part.strip() for part in header.split(";")]
        said = dict(part.split("=", 1) for part in members if "=" in part)
        root = _ROOT.fullmatch(said.get("Root", ""))
        if root is None:
            return None
        parent = said.get("Parent", "")
        rest = tuple(
            part for part in members if part and part.split("=")[0] not in ("Root", "Parent", "Sampled", "Self")
        )
        return cls(
            (root[1] + root[2]).lower(),
            parent.lower() if _PARENT.fullmatch(parent) else None,
            _SAMPLED.get(said.get("Sampled", "")),
            rest,
        )

    @classmethod
    def parse_traceparent(cls, header: str) -> TraceContext | None:
        """What the *header* traceparent of W3C says (https://www.w3.org/TR/trace-context/); None for what is none."""
        found = _TRACEPARENT.fullmatch(header)
        if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"]):
            return None
        trace_id, span_id = found["trace"], found["span"]
        if not int(trace_id, 16) or not int(span_id, 16):
            return None
        return cls(trace_id, span_id, bool(int(found["flags"], 16) & 1))

    def __str__(self) -> str:
        parts = [f"Root=1-{self.trace_id[:8]}-{self.trace_id[8:]}"]
        if self.span_id is not None:
            parts.append(f"Parent={self.span_id}")
        if self.sampled is not None:
            parts.append(f"Sampled={int(self.sampled)}")
        return ";".join((*parts, *self.rest))


@dataclass(frozen=True, slots=True)
class Root:
    """A request's own span, if it is `recorded`: `context` names it to those below, `parent_id` is the caller's."""

    recorded: bool
    context: TraceContext
    parent_id: str | None


@dataclass(frozen=True, slots=True)
class Sampler:
    """Which traces are recorded: the *ratio* of them, or where it *follows* the caller, those that he records."""

    follows: bool
    ratio: float

    def samples(self, context: TraceContext) -> bool:
        """Whether *context* is recorded: the same for every span of one trace."""
        if self.follows and context.sampled is not None:
            return context.sampled
        # As OpenTelemetry's samplers have it: by the lower half, which is random where the upper begins with a time.
        return int(context.trace_id[16:], 16) < self.ratio * (1 << 64)


@dataclass(frozen=True, slots=True)
class Span:
    """One piece of time, in nanoseconds since 1970. `error` says what went wrong, if anything did."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: Attributes = field(default_factory=dict)
    error: str | None = None
