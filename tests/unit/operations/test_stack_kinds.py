"""From a template's properties to parameters of operations, and code that stands in templates."""

from __future__ import annotations

import io
import re
import zipfile
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from lamina.errors import ApiError
from lamina.operations.stacks.intake import capabilities, check
from lamina.operations.stacks.kinds.fitting import fitted, tags_of
from lamina.operations.stacks.kinds.inline import archive
from lamina.operations.stacks.kinds.kind import Failed
from lamina.operations.stacks.kinds.table import kind_of
from lamina.stacks.templates import Template, template

MODEL = ServiceModel(Loader().load_service_model("lambda", "service-2"), "lambda")
CLIENT = SimpleNamespace(meta=SimpleNamespace(service_model=MODEL))


def test_numbers_and_truth_values_may_be_text_in_a_template() -> None:
    given = {"FunctionName": 7, "Timeout": "30", "Publish": "true", "Environment": {"Variables": {"A": 1, "B": True}}}
    assert fitted(CLIENT, "CreateFunction", given) == {
        "FunctionName": "7",
        "Timeout": 30,
        "Publish": True,
        "Environment": {"Variables": {"A": "1", "B": "true"}},
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"Timeouts": 1}, r"#: extraneous key \[Timeouts\] is not permitted"),
        ({"VpcConfig": {"Subnets": []}}, r"#/VpcConfig: extraneous key \[Subnets\]"),
        ({"Timeout": "soon"}, "#/Timeout: expected type: Number, found: String"),
        ({"Environment": "x"}, "#/Environment: expected type: object, found: String"),
        ({"FunctionName": ["x"]}, "#/FunctionName: expected type: String, found: JSONArray"),
        ({"Publish": "maybe"}, "#/Publish: expected type: Boolean"),
    ],
)
def test_a_property_of_another_type_or_name_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(Failed, match=told):
        fitted(CLIENT, "CreateFunction", given)


def test_a_resources_own_tags_come_before_those_of_its_stack() -> None:
    assert tags_of({"Tags": [{"Key": "a", "Value": 1}]}, {"a": "0", "b": "2"}) == {"a": "1", "b": "2"}
    assert tags_of({"Tags": {"a": "1"}}, {}) == {"a": "1"}


@pytest.mark.parametrize(("runtime", "name"), [("python3.12", "index.py"), ("nodejs22.x", "index.js")])
def test_inline_code_is_one_file_beside_the_module_that_answers(runtime: str, name: str) -> None:
    made = archive("text", runtime, "index.handler")
    assert made == archive("text", runtime, "index.handler"), "the same text is the same archive"
    with zipfile.ZipFile(io.BytesIO(made)) as found:
        assert found.read(name) == b"text"
        assert [entry.partition(".")[0] for entry in found.namelist()] == ["index", "cfnresponse"]


def test_inline_code_of_another_language_is_refused() -> None:
    with pytest.raises(Failed, match="nodejs, python"):
        archive("text", "java21", "x")


@pytest.mark.parametrize(
    ("properties", "wanted"), [({}, ["CAPABILITY_IAM"]), ({"RoleName": "r"}, ["CAPABILITY_NAMED_IAM"])]
)
def test_identities_have_to_be_acknowledged(properties: dict[str, Any], wanted: list[str]) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": properties}
    assert capabilities(template({"Resources": {"R": role}})) == wanted


@pytest.mark.parametrize("kind", ["AWS::Lambda::Nothing", "AWS::CloudFormation::Macro", "Mine::Own::Thing", "x"])
def test_a_type_that_nobody_has_is_told_at_once(kind: str) -> None:
    with pytest.raises(Exception, match=f"Unrecognized resource types: .{kind}"):
        kind_of(kind)


def test_types_that_nobody_here_makes_are_told_at_once_unless_a_condition_may_leave_them_out() -> None:
    def of(**resources: str) -> Template:
        declared = {name: {"Type": f"AWS::{kind}"} for name, kind in resources.items()}
        return template({"Resources": declared})

    check(of(A="DynamoDB::Table", B="Lambda::Function"))
    told = "Template format error: Unrecognized resource types: [AWS::ApiGatewayV2::Api, AWS::ApiGatewayV2::Stage]"
    with pytest.raises(ApiError, match=re.escape(told)):
        check(of(A="ApiGatewayV2::Stage", B="DynamoDB::Table", C="ApiGatewayV2::Api", D="ApiGatewayV2::Api"))
    there = {"Type": "AWS::ApiGatewayV2::Api", "Condition": "OnAws"}
    check(template({"Conditions": {"OnAws": {"Fn::Equals": ["a", "b"]}}, "Resources": {"A": there}}))
