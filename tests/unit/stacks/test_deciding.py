"""What a new template changes of a stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.names import Scope
from lamina.stacks.deciding import LATER, Wanted, check_replaceable, decide
from lamina.stacks.evaluating import Evaluation, changes
from lamina.stacks.stack import Resource, Stack
from lamina.stacks.templates import Declaration, Template, template
from lamina.stacks.types import named

HERE = Scope("111122223333", "eu-west-1")
LAYER, FUNCTION = "AWS::Lambda::LayerVersion", "AWS::Lambda::Function"


def resource(logical_id: str, kind: str, physical_id: str, **properties: Any) -> Resource:
    return Resource(logical_id, kind, physical_id, properties, {}, "CREATE_COMPLETE", 0)


def stack(*resources: Resource) -> Stack:
    held = {each.logical_id: each for each in resources}
    return Stack(HERE, "s", "arn:s", "CREATE_COMPLETE", 0, "http://here", resources=held, order=tuple(held))


def wanted(kind: str, **properties: Any) -> Wanted:
    return Wanted(Declaration("A", kind, properties, None, (), "Delete", "Delete", {}), properties)


def two(content: str) -> Template:
    return template(
        {
            "Resources": {
                "Layer": {"Type": LAYER, "Properties": {"Content": content, "LayerName": "l"}},
                "Function": {"Type": FUNCTION, "Properties": {"Layers": [{"Ref": "Layer"}], "FunctionName": "f"}},
            }
        }
    )


def _no_imports(_name: str) -> str:
    raise AssertionError


@pytest.mark.parametrize(
    ("kind", "before", "after", "action"),
    [
        (FUNCTION, {"Timeout": 1}, {"Timeout": 1}, "nothing"),
        (FUNCTION, {"Timeout": 1}, {"Timeout": 2}, "update"),
        (FUNCTION, {"FunctionName": "f"}, {"FunctionName": "g"}, "replace"),
        (FUNCTION, {"FunctionName": "made-up"}, {}, "nothing"),
        (LAYER, {"Content": "a", "LayerName": "A"}, {"Content": "b"}, "replace"),
        ("Custom::Thing", {"x": 1}, {"x": 2}, "update"),
    ],
)
def test_an_action_follows_from_what_differs(
    kind: str, before: dict[str, Any], after: dict[str, Any], action: str
) -> None:
    assert decide(resource("A", kind, "id", **before), wanted(kind, **after)).action == action


def test_what_was_not_there_is_created_and_another_type_replaces() -> None:
    assert decide(None, wanted(LAYER)).action == "create"
    assert decide(resource("A", LAYER, ""), wanted(LAYER)).action == "create"
    assert decide(resource("A", LAYER, "id"), wanted(FUNCTION)).action == "replace"


def test_a_chosen_name_stands_in_the_way_of_a_replacement() -> None:
    before = resource("A", FUNCTION, "f", FunctionName="f", PackageType="Zip")
    with pytest.raises(ApiError, match="Rename f and update the stack again"):
        check_replaceable(before, wanted(FUNCTION, FunctionName="f", PackageType="Image"))
    check_replaceable(before, wanted(FUNCTION, FunctionName="g"))
    check_replaceable(resource("A", LAYER, "l:1", LayerName="l"), wanted(LAYER, LayerName="l", Content="b"))


def test_a_changed_layer_is_replaced_and_its_function_updated_once_the_new_version_is_known() -> None:
    now = stack(
        resource("Layer", LAYER, "l:1", Content="a", LayerName="l"),
        resource("Function", FUNCTION, "f", Layers=["l:1"], FunctionName="f"),
    )
    found, any_change = changes(two("b"), {}, now, _no_imports)
    assert any_change
    assert [(_of(each, "LogicalResourceId"), _of(each, "Action"), _of(each, "Replacement")) for each in found] == [
        ("Layer", "Modify", "True"),
        ("Function", "Modify", "False"),
    ]
    assert _of(found[1], "Details")[0]["Evaluation"] == "Dynamic"
    assert changes(two("a"), {}, now, _no_imports) == ((), False)


def test_what_is_declared_no_more_is_removed_or_left() -> None:
    gone = resource("Gone", LAYER, "g:1")
    kept = Resource("Kept", LAYER, "k:1", {}, {}, "CREATE_COMPLETE", 0, deletion_policy="Retain")
    found, _ = changes(two("a"), {}, stack(gone, kept), _no_imports)
    removed = {
        _of(each, "LogicalResourceId"): _of(each, "PolicyAction") for each in found if _of(each, "Action") == "Remove"
    }
    assert removed == {"Gone": "Delete", "Kept": "Retain"}


def test_outputs_alone_are_a_change() -> None:
    document = {"Resources": {"A": {"Type": LAYER}}, "Outputs": {"O": {"Value": {"Fn::Sub": "${A}-${AWS::StackName}"}}}}
    now = stack(resource("A", LAYER, "l:1", LayerName="A"))
    found, any_change = changes(template(document), {}, now, _no_imports)
    assert (found, any_change) == ((), True)


def test_what_a_resource_that_is_yet_to_be_made_is_called_is_not_known() -> None:
    made: dict[str, Resource] = {"Layer": resource("Layer", LAYER, LATER)}
    evaluation = Evaluation(two("a"), {}, stack(), _no_imports, made)
    assert evaluation.order == ["Layer", "Function"]
    assert evaluation.wanted("Function").properties["Layers"] == [LATER]


@pytest.mark.parametrize(
    ("kind", "stack_name", "properties", "name"),
    [
        (FUNCTION, "app", {}, "app-Thing-ABC"),
        (FUNCTION, "app", {"FunctionName": "mine"}, "mine"),
        (FUNCTION, "a" * 100, {}, f"{'a' * 54}-Thing-ABC"),
        (LAYER, "app", {}, "Thing"),
        ("AWS::S3::Bucket", "App", {}, "app-thing-abc"),
    ],
)
def test_names_are_made_up_of_the_stack_and_the_resource(
    kind: str, stack_name: str, properties: dict[str, Any], name: str
) -> None:
    found = named(kind, stack_name, "Thing", properties, "ABC")
    assert next(value for key, value in found.items() if key.endswith("Name")) == name


def _of(change: Mapping[str, Any], member: str) -> Any:
    return change["ResourceChange"].get(member)
