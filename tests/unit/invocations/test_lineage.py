"""How often a chain of events has come by a function, as its trace header says."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.invocations import lineage

ONE = "arn:aws:lambda:eu-west-1:123456789012:function:one"
TWO = "arn:aws:lambda:eu-west-1:123456789012:function:two"
ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def test_each_invocation_is_counted_for_its_function_alone_whatever_its_qualifier() -> None:
    header = lineage.counted(lineage.counted(lineage.counted(ROOT, ONE), TWO), f"{ONE}:live")
    assert header == f"{ROOT};Lineage={lineage.mark(ONE)}:2|{lineage.mark(TWO)}:1"
    assert (lineage.count(header, f"{ONE}:7"), lineage.count(header, TWO)) == (2, 1)
    assert lineage.count(ROOT, ONE) == 0


def test_a_header_that_an_sdk_has_quoted_counts_on() -> None:
    header = lineage.counted(lineage.counted(ROOT, ONE), TWO)
    assert lineage.counted(quote(header, safe="-=;:+&[]{}\"',"), TWO) == lineage.counted(header, TWO)


@pytest.mark.parametrize("said", ["", "1:a87bd80c:x", "nothing", "a87bd80c", "a87bd80c:123456"])
def test_what_is_no_count_is_left_out(said: str) -> None:
    assert lineage.counted(f"{ROOT};Lineage={said}", ONE) == f"{ROOT};Lineage={lineage.mark(ONE)}:1"


@given(st.text(alphabet="Lineag=;:|0af1 ", max_size=40))
def test_a_count_is_one_higher_whatever_else_the_header_says(header: str) -> None:
    assert lineage.count(lineage.counted(header, ONE), ONE) == lineage.count(header, ONE) + 1


def test_what_is_handed_over_together_has_come_by_as_often_as_the_one_that_has_most_often() -> None:
    seldom, often = lineage.counted(ROOT, ONE), lineage.counted(lineage.counted(ROOT, ONE), ONE)
    together = lineage.merged([ROOT, often, lineage.counted(seldom, TWO)])
    assert together == f"{ROOT};Lineage={lineage.mark(ONE)}:2|{lineage.mark(TWO)}:1"
    assert (lineage.merged([]), lineage.merged([seldom]), lineage.merged([ROOT, ROOT])) == (None, seldom, ROOT)


def test_of_functions_that_come_and_go_few_marks_are_kept() -> None:
    for number in range(2_000):
        lineage.mark(f"{ONE}-{number}")
    assert lineage.mark.cache_info().currsize <= 256
