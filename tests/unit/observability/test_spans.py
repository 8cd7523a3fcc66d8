"""Trace headers, and which traces are recorded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.observability.spans import Sampler, TraceContext

TRACE = "5759e988bd862e3fe1be46a994272793"
ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"
HEX = st.text("0123456789abcdef")


@pytest.mark.parametrize(
    ("header", "context"),
    [
        (ROOT, TraceContext(TRACE, None, None)),
        (f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1", TraceContext(TRACE, "53995c3f42cd8ad8", True)),
        (f"Sampled=0; {ROOT.upper().replace('ROOT', 'Root')}", TraceContext(TRACE, None, False)),
        (f"{ROOT};Parent=short;Sampled=?", TraceContext(TRACE, None, None)),
        (f"Self=1-1-1;{ROOT};Lineage=1:a:0", TraceContext(TRACE, None, None, ("Lineage=1:a:0",))),
    ],
)
def test_a_header_says_which_trace_and_span(header: str, context: TraceContext) -> None:
    assert TraceContext.parse(header) == context


@pytest.mark.parametrize("header", ["", "Parent=53995c3f42cd8ad8", "Root=1-5759e988", f"{ROOT}0", ";;=;"])
def test_without_a_root_it_says_nothing(header: str) -> None:
    assert TraceContext.parse(header) is None


SPAN = "53995c3f42cd8ad8"


@pytest.mark.parametrize(
    ("header", "context"),
    [
        (f"00-{TRACE}-{SPAN}-01", TraceContext(TRACE, SPAN, True)),
        (f"00-{TRACE}-{SPAN}-02", TraceContext(TRACE, SPAN, False)),
        (f"01-{TRACE}-{SPAN}-03-what-comes-later", TraceContext(TRACE, SPAN, True)),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (ROOT, None),
    ],
)
def test_w3cs_header_says_the_same_in_other_words(header: str, context: TraceContext | None) -> None:
    assert TraceContext.parse_traceparent(header) == context


@given(
    HEX.filter(lambda text: len(text) == 32) | st.just(TRACE),
    st.none() | st.just("53995c3f42cd8ad8"),
    st.sampled_from([None, True, False]),
    st.lists(st.sampled_from(["Lineage=1:a:0", "Other=x"]), unique=True).map(tuple),
)
def test_what_is_written_is_read(trace: str, span: str | None, sampled: bool | None, rest: tuple[str, ...]) -> None:
    context = TraceContext(trace, span, sampled, rest)
    assert TraceContext.parse(str(context)) == context


@pytest.mark.parametrize("sampled", [True, False])
def test_a_sampler_follows_the_caller_or_does_not(sampled: bool) -> None:
    context = TraceContext(TRACE, None, sampled)
    assert Sampler(follows=True, ratio=0.0).samples(context) is sampled
    assert Sampler(follows=False, ratio=0.0).samples(context) is False
    assert Sampler(follows=False, ratio=1.0).samples(context) is True


def test_who_leaves_it_open_is_sampled_by_the_ratio() -> None:
    low, high = TraceContext("f" * 16 + "0" * 16, None, None), TraceContext("0" * 16 + "f" * 16, None, None)
    half = Sampler(follows=True, ratio=0.5)
    assert half.samples(low)
    assert not half.samples(high)
    assert Sampler(follows=True, ratio=1.0).samples(high)
    assert not Sampler(follows=True, ratio=0.0).samples(low)
