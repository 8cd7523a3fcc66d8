"""What intrinsic functions come to."""

from __future__ import annotations

from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.stacks.intrinsics import ABSENT, Resolver

_ATTRIBUTES = {("Bucket", "Arn"): "arn:aws:s3:::b", ("Bucket", "Nested.Name"): "n"}


def _reference(name: str) -> Any:
    return {"Bucket": "b"}[name]


def _attribute(resource: str, attribute: str) -> Any:
    return _ATTRIBUTES[resource, attribute]


def _imported(name: str) -> str:
    return f"imported {name}"


def resolver(**conditions: Any) -> Resolver:
    return Resolver(
        named={"P": "p", "N": "3", "L": ["x", "y"], "AWS::Region": "eu-west-1"},
        mappings={"M": {"eu-west-1": {"k": "v", "list": [1, 2]}}},
        conditions={"Yes": {"Fn::Equals": ["a", "a"]}, "No": {"Fn::Not": [{"Condition": "Yes"}]}, **conditions},
        reference=_reference,
        attribute=_attribute,
        imported=_imported,
        zones=lambda region: [f"{region}a", f"{region}b"],
    )


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ({"Ref": "P"}, "p"),
        ({"Ref": "L"}, ["x", "y"]),
        ({"Ref": "Bucket"}, "b"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:aws:s3:::b"),
        ({"Fn::GetAtt": "Bucket.Nested.Name"}, "n"),
        ({"Fn::GetAtt": ["Bucket", {"Fn::Join": ["", ["Ar", "n"]]}]}, "arn:aws:s3:::b"),
        ({"Fn::Sub": "${P}-${Bucket.Arn}-${!P}-${AWS::Region}"}, "p-arn:aws:s3:::b-${P}-eu-west-1"),
        ({"Fn::Sub": ["${P} ${x}", {"x": {"Ref": "Bucket"}}]}, "p b"),
        ({"Fn::Join": ["-", ["a", 1, {"Ref": "P"}]]}, "a-1-p"),
        ({"Fn::Join": ["-", {"Ref": "L"}]}, "x-y"),
        ({"Fn::Split": ["/", "a/b"]}, ["a", "b"]),
        ({"Fn::Select": ["1", {"Ref": "L"}]}, "y"),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "eu-west-1a"),
        ({"Fn::If": ["Yes", 1, 2]}, 1),
        ({"Fn::If": ["No", 1, 2]}, 2),
        ({"Fn::FindInMap": ["M", {"Ref": "AWS::Region"}, "k"]}, "v"),
        ({"Fn::FindInMap": ["M", "us-east-1", "k", {"DefaultValue": "d"}]}, "d"),
        ({"Fn::ImportValue": {"Fn::Sub": "${P}"}}, "imported p"),
        ({"Fn::Base64": "ü"}, "w7w="),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::Length": {"Ref": "L"}}, 2),
        ({"Fn::ToJsonString": {"a": {"Ref": "P"}}}, '{"a":"p"}'),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
        ({"Condition": {"StringEquals": {"Ref": "P"}}}, {"Condition": {"StringEquals": "p"}}),
    ],
)
def test_a_function_comes_to_its_value(value: Any, result: Any) -> None:
    assert resolver().resolve(value) == result


def test_no_value_at_the_top_is_absent() -> None:
    assert resolver().resolve({"Ref": "AWS::NoValue"}) is ABSENT


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"Fn::Equals": [1, "1"]}, True),
        ({"Fn::Equals": [True, "true"]}, True),
        ({"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]}, False),
        ({"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]}, True),
        ({"Fn::Not": [{"Fn::Equals": [{"Ref": "P"}, "p"]}]}, False),
        ({"Fn::Contains": [["1", "2"], {"Ref": "P"}]}, False),
        ({"Fn::EachMemberIn": [{"Ref": "L"}, ["x", "y", "z"]]}, True),
    ],
)
def test_a_condition_holds_or_does_not(condition: Any, holds: bool) -> None:
    assert resolver(C=condition).holds("C") is holds


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"Ref": "Nobody"}, r"Unresolved resource dependencies \[Nobody\]"),
        ({"Fn::GetAtt": ["Bucket", "Size"]}, "resource Bucket does not support attribute type Size in Fn::GetAtt"),
        ({"Fn::Sub": "${Nobody}"}, "Nobody"),
        ({"Fn::Select": [5, ["a"]]}, "nonexistent value at index 5"),
        ({"Fn::FindInMap": ["M", "eu-west-1", "none"]}, "Unable to get mapping for M::eu-west-1::none"),
        ({"Fn::Join": "x"}, "Fn::Join"),
        ({"Fn::Nothing": 1}, "Fn::Nothing"),
        ({"Fn::If": ["Maybe", 1, 2]}, "Maybe"),
        ({"Fn::If": ["Loop", 1, 2]}, "Circular dependency between conditions"),
    ],
)
def test_what_cannot_be_resolved_is_told(value: Any, told: str) -> None:
    loop = {"Fn::Not": [{"Condition": "Loop"}]}
    with pytest.raises(ApiError, match=told):
        resolver(Loop=loop).resolve(value)
