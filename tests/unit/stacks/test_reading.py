"""Templates as text: JSON, YAML, short forms, and what is none of them."""

from __future__ import annotations

from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.stacks.reading import read

FORMS: dict[str, Any] = {
    "!Ref A": {"Ref": "A"},
    "!GetAtt A.B.C": {"Fn::GetAtt": ["A", "B.C"]},
    "!GetAtt [A, B]": {"Fn::GetAtt": ["A", "B"]},
    "!Sub 'x-${A}'": {"Fn::Sub": "x-${A}"},
    "!Join [',', [a, !Ref B]]": {"Fn::Join": [",", ["a", {"Ref": "B"}]]},
    "!If [C, !Ref A, !Ref 'AWS::NoValue']": {"Fn::If": ["C", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]},
    "!Condition C": {"Condition": "C"},
    "!FindInMap [A, !Ref B, c]": {"Fn::FindInMap": ["A", {"Ref": "B"}, "c"]},
    "!Transform {Name: X}": {"Fn::Transform": {"Name": "X"}},
    "!Base64 x": {"Fn::Base64": "x"},
    "2012-10-17": "2012-10-17",
    "'012'": "012",
    "[1, 2.5, true, null]": [1, 2.5, True, None],
}


@pytest.mark.parametrize("form", FORMS)
def test_short_forms_are_written_out(form: str) -> None:
    assert read(f"Value: {form}\n") == {"Value": FORMS[form]}


def test_json_is_read_as_json() -> None:
    assert read(' {"A": {"Fn::Sub": "\\u00fc"}}') == {"A": {"Fn::Sub": "ü"}}


def test_keys_are_text_as_written() -> None:
    assert read("Mappings:\n  M:\n    000000000012: {k: v}\n    yes: {k: w}\n") == {
        "Mappings": {"M": {"000000000012": {"k": "v"}, "yes": {"k": "w"}}}
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "JSON not well-formed"),
        ("a: [", r"YAML not well-formed. \(line 1, column 5\)"),
        ("- a\n", "unsupported structure"),
        ("just text", "unsupported structure"),
        ("", "unsupported structure"),
        ("a: &x {b: 1}\nc: *x\n", "aliases are not allowed"),
        ("a: 1\na: 2\n", "line 2, duplicate key a"),
        ("[[" * 5000, "not well-formed"),
        ("a: !!python/object/apply:os.system ['true']", "not well-formed"),
    ],
)
def test_what_is_no_template_is_told_so(text: str, told: str) -> None:
    with pytest.raises(ApiError, match=told) as caught:
        read(text)
    assert (caught.value.code, caught.value.status) == ("ValidationError", 400)


def test_an_ampersand_is_no_alias() -> None:
    assert read("a: 'x & y'\nb: x&y\n") == {"a": "x & y", "b": "x&y"}
