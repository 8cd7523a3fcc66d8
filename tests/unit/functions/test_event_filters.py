"""Which messages the FilterCriteria of a mapping let through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lamina.functions.event_filters import lets_through, patterns


def lets(pattern: Any, body: Any, **more: Any) -> bool:
    criteria = {"Filters": [{"Pattern": json.dumps(pattern)}]}
    text = body if isinstance(body, str) else json.dumps(body)
    return lets_through(patterns(criteria), {"body": text, "messageId": "m", **more})


@pytest.mark.parametrize(
    ("wanted", "met", "unmet"),
    [
        (["new"], "new", "old"),
        ([1, None, True], None, False),
        ([1], 1.0, True),
        ([""], "", "a"),
        ([{"prefix": "a"}], "ab", "ba"),
        ([{"suffix": "b"}], "ab", 5),
        ([{"equals-ignore-case": "Straße"}], "STRASSE", "strase"),
        ([{"anything-but": ["a", 1]}], "b", "a"),
        ([{"anything-but": "a"}], 1, "a"),
        ([{"numeric": [">", 0, "<=", 5]}], 5, 0),
        ([{"numeric": ["=", 1]}], 1, "1"),
        ([{"exists": True}], "x", {"inner": 1}),
        (["b"], ["a", "b"], ["a"]),
        ({"inner": [1]}, [{"inner": 2}, {"inner": 1}], 1),
        ({"inner": [{"exists": False}]}, {}, {"inner": 1}),
    ],
)
def test_a_member_of_the_body_is_what_its_pattern_says(wanted: Any, met: Any, unmet: Any) -> None:
    assert lets({"body": {"a": wanted}}, {"a": met})
    assert not lets({"body": {"a": wanted}}, {"a": unmet})


def test_what_is_missing_meets_nothing_but_that_it_must_not_exist() -> None:
    for wanted in (["a"], [None], [{"anything-but": "a"}], [{"exists": True}], {"inner": ["a"]}):
        assert not lets({"body": {"a": wanted}}, {})
    assert lets({"body": {"a": [{"exists": False}]}}, {})


def test_all_members_are_met_and_any_of_the_patterns_under_or() -> None:
    pattern = {"body": {"a": [1], "$or": [{"b": [2]}, {"c": [3]}]}}
    assert lets(pattern, {"a": 1, "c": 3})
    assert not lets(pattern, {"a": 1, "b": 3})
    assert not lets(pattern, {"a": 2, "b": 2})


def test_text_is_compared_with_text_and_json_with_json() -> None:
    assert lets({"body": ["plain"]}, "plain")
    assert not lets({"body": {"a": [1]}}, "plain")
    assert not lets({"body": ["plain"]}, {"a": 1})
    assert lets({"messageId": ["m"]}, "plain")


def test_one_of_several_filters_is_enough_and_none_lets_everything_through() -> None:
    two = patterns({"Filters": [{"Pattern": '{"body": ["a"]}'}, {"Pattern": '{"body": ["b"]}'}]})
    assert [lets_through(two, {"body": body}) for body in "abc"] == [True, True, False]
    assert lets_through(patterns(None), {"body": "c"})
    assert lets_through(patterns({"Filters": []}), {"body": "c"})


@pytest.mark.parametrize(
    "pattern",
    [
        *("no JSON", "[]", '{"a": 1}', '{"a": []}', '{"a": [[1]]}', '{"a": [{"wildcard": "*"}]}'),
        *('{"a": [{"prefix": 1}]}', '{"a": [{"numeric": [">"]}]}', '{"a": [{"numeric": ["~", 1]}]}'),
        *('{"a": [{"exists": 1}]}', '{"$or": [{"a": [1]}]}', '{"a": [{"anything-but": []}]}'),
        '{"a": [{"prefix": "a", "suffix": "b"}]}',
    ],
)
def test_what_is_no_pattern_is_said_to_be_none(pattern: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it, the caller has one sentence for it
        patterns({"Filters": [{"Pattern": pattern}]})
