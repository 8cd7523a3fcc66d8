"""Templates taken apart, put in order, and their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.stacks.language import written_out
from lamina.stacks.ordering import check_references, ordered
from lamina.stacks.parameters import Parameter, choose, values
from lamina.stacks.templates import Template, template


def made(resources: Mapping[str, Any], **sections: Any) -> Template:
    return template({"Resources": resources, **sections})


def bucket(**attributes: Any) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", **attributes}


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({}, "At least one Resources member must be defined"),
        ({"Resources": {}}, "At least one Resources member"),
        ({"Resources": {"A": {}}}, "must contain a Type member"),
        ({"Resources": {"a-b": bucket()}}, "a-b is non alphanumeric"),
        ({"Resources": {"A": bucket(Propertys={})}}, "Invalid template resource property 'Propertys'"),
        ({"Resources": {"A": bucket(UpdatePolicy={})}}, "Lamina does not support the UpdatePolicy of A"),
        ({"Resources": {"A": bucket()}, "Globals": {}}, "Globals"),
        ({"Resources": {"A": bucket(DeletionPolicy="Keep")}}, "Unrecognized DeletionPolicy Keep"),
        ({"Resources": {"A": bucket()}, "Output": {}}, r"Invalid template property or properties \[Output\]"),
        ({"Resources": {"A": bucket()}, "Outputs": {"O": None}}, "/Outputs/O"),
    ],
)
def test_a_template_of_the_wrong_shape_is_told_so(document: dict[str, Any], told: str) -> None:
    with pytest.raises(ApiError, match=told):
        template(document)


def test_resources_come_behind_what_they_need() -> None:
    found = made(
        {
            "C": bucket(Properties={"x": {"Fn::Sub": "${B.Arn}"}}, DependsOn="A"),
            "B": bucket(Properties={"x": [{"Fn::GetAtt": ["A", "Arn"]}]}),
            "A": bucket(),
            "Off": bucket(Condition="Never", Properties={"x": {"Ref": "C"}}),
        },
        Conditions={"Never": {"Fn::Equals": [1, 2]}},
    )
    assert ordered(found, lambda _name: False) == ["A", "B", "C"]


def test_only_the_branch_that_counts_is_a_dependency() -> None:
    value = {"x": {"Fn::If": ["Yes", {"Ref": "B"}, {"Ref": "C"}]}}
    found = made({"A": bucket(Properties=value), "B": bucket(), "C": bucket(DependsOn="A")})
    assert ordered(found, lambda _name: True) == ["B", "A", "C"]
    with pytest.raises(ApiError, match=r"Circular dependency between resources: \[A, C\]"):
        ordered(found, lambda _name: False)


def test_a_name_that_nothing_has_is_told() -> None:
    with pytest.raises(ApiError, match=r"\[B, C\] in the Resources block"):
        check_references(made({"A": bucket(Properties={"x": {"Ref": "B"}}, DependsOn=["C"])}))
    with pytest.raises(ApiError, match=r"\[B\] in the Outputs block"):
        check_references(made({"A": bucket()}, Outputs={"O": {"Value": {"Ref": "B"}}}))
    check_references(made({"A": bucket(Properties={"x": {"Fn::Sub": ["${y}${AWS::Region}${!z}", {"y": 1}]}})}))


PARAMETERS = {
    "Name": {"Type": "String", "AllowedPattern": "[a-z]+", "MaxLength": 5},
    "Size": {"Type": "Number", "Default": 3, "MaxValue": 9},
    "List": {"Type": "CommaDelimitedList", "Default": "a, b"},
    "Kind": {"Type": "String", "Default": "one", "AllowedValues": ["one", "two"]},
    "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/p"},
}
TEMPLATE = made({"A": bucket()}, Parameters=PARAMETERS)


def _store(name: str) -> str:
    return f"stored at {name}"


def test_parameters_come_from_the_request_the_stack_the_store_and_their_defaults() -> None:
    previous = {"Name": Parameter("old"), "Size": Parameter("1")}
    given: list[dict[str, Any]] = [
        {"ParameterKey": "Name", "UsePreviousValue": True},
        {"ParameterKey": "Kind", "ParameterValue": "two"},
    ]
    chosen = choose(TEMPLATE.parameters, given, previous, _store)
    assert values(TEMPLATE.parameters, chosen) == {
        "Name": "old",
        "Size": "3",
        "List": ["a", "b"],
        "Kind": "two",
        "Stored": "stored at /p",
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, r"Parameters: \[Name\] must have values"),
        ({"Name": "a", "Other": "b"}, r"Parameters: \[Other\] do not exist in the template"),
        ({"Name": "A"}, r"Parameter 'Name' must match pattern \[a-z\]\+"),
        ({"Name": "abcdef"}, "at most 5 characters"),
        ({"Name": "a", "Size": "10"}, "not greater than 9"),
        ({"Name": "a", "Size": "x"}, "must be a number"),
        ({"Name": "a", "Kind": "three"}, r"must be one of AllowedValues \[one, two\]"),
    ],
)
def test_a_parameter_outside_its_bounds_is_told(given: dict[str, str], told: str) -> None:
    request = [{"ParameterKey": key, "ParameterValue": text} for key, text in given.items()]
    with pytest.raises(ApiError, match=told):
        choose(TEMPLATE.parameters, request, {}, _store)


def test_loops_are_written_out() -> None:
    document = {
        "Mappings": {"M": {"all": {"names": ["one", "t-wo"]}}},
        "Resources": {
            "Fn::ForEach::Buckets": [
                "Name",
                {"Fn::FindInMap": ["M", "all", "names"]},
                {"Bucket&{Name}": bucket(Properties={"BucketName": {"Ref": "Name"}, "x": {"Fn::Sub": "b-${Name}"}})},
            ],
            "Kept": bucket(Properties={"x": {"Ref": "P"}}),
        },
    }
    assert written_out(document, {})["Resources"] == {
        "Bucketone": bucket(Properties={"BucketName": "one", "x": {"Fn::Sub": "b-one"}}),
        "Buckettwo": bucket(Properties={"BucketName": "t-wo", "x": {"Fn::Sub": "b-t-wo"}}),
        "Kept": bucket(Properties={"x": {"Ref": "P"}}),
    }
