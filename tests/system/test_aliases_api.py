"""Aliases over HTTP. The numbers in the names are sections of the recorded behaviour of AWS."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.functions import Function, create, unique, wait_until
from tests.support.refusals import conflict, failed_precondition, invalid, not_found, refusal, violation
from tests.support.server import ACCOUNT, REGION, Server

pytestmark = pytest.mark.anybody

VERSION = "def handler(event, context): return {!r}"


@pytest.fixture(scope="module")
def function(shared_server: Server) -> Function:
    """A function of versions 1 and 2, each of which says which it is."""
    made = create(shared_server, VERSION.format("one"))
    wait_until(lambda: made.settled, 30)
    made.client.publish_version(FunctionName=made.name)
    made.update_code(VERSION.format("two"))
    wait_until(lambda: made.settled, 30)
    made.client.publish_version(FunctionName=made.name)
    return made


def arn(function: Function | str, qualifier: str = "") -> str:
    name = function if isinstance(function, str) else function.name
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" + (qualifier and f":{qualifier}")


def make(function: Function, version: str = "1", **request: Any) -> Any:
    name = request.pop("Name", None) or unique("alias")
    answer = function.client.create_alias(FunctionName=function.name, Name=name, FunctionVersion=version, **request)
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 201
    return answer


def routing(**weights: float) -> dict[str, Any]:
    return {"AdditionalVersionWeights": {key.lstrip("v"): weight for key, weight in weights.items()}}


def get(function: Function, name: str) -> Any:
    answer = function.client.get_alias(FunctionName=function.name, Name=name)
    answer.pop("ResponseMetadata")
    return answer


def test_13_1_an_alias_is_answered_the_same_by_every_operation(function: Function) -> None:
    latest = function.client.get_function_configuration(FunctionName=function.name)["RevisionId"]
    made = make(function, "1", Description="d", RoutingConfig=routing(v2=0.2))
    name = made["Name"]
    revision = made.pop("RevisionId")
    assert made == {
        "AliasArn": arn(function, name),
        "Name": name,
        "FunctionVersion": "1",
        "Description": "d",
        "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.2}},
    }
    made["RevisionId"] = revision
    assert get(function, name) == made
    assert made in function.client.list_aliases(FunctionName=function.name)["Aliases"]
    # 3.6: neither $LATEST nor a version notices.
    assert function.client.get_function_configuration(FunctionName=function.name)["RevisionId"] == latest


def test_13_1_what_was_not_given_is_empty_or_absent(function: Function) -> None:
    made = make(function, RoutingConfig=routing())
    assert made["Description"] == ""
    assert "RoutingConfig" not in made


def test_13_1_an_update_changes_what_it_sends_and_always_the_revision(function: Function) -> None:
    made = make(function, "1", Description="d", RoutingConfig=routing(v2=0.2))

    def update(**request: Any) -> Any:
        answer = function.client.update_alias(FunctionName=function.name, Name=made["Name"], **request)
        assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
        return answer

    seen = {made["RevisionId"]}
    answer = made
    for request, version, description, routed in (
        ({}, "1", "d", True),
        ({"Description": "e"}, "1", "e", True),
        ({"RoutingConfig": routing()}, "1", "e", False),
        ({"FunctionVersion": "2"}, "2", "e", False),
        ({"RoutingConfig": routing(v1=1)}, "2", "e", True),
    ):
        answer = update(**request)
        assert (answer["FunctionVersion"], answer["Description"], "RoutingConfig" in answer) == (
            version,
            description,
            routed,
        )
        assert answer["RevisionId"] not in seen
        seen.add(answer["RevisionId"])
        assert get(function, made["Name"]) == answer
    refused = refusal(
        function.client.update_alias, FunctionName=function.name, Name=made["Name"], RevisionId=made["RevisionId"]
    )
    assert refused == failed_precondition()
    assert update(RevisionId=answer["RevisionId"])["FunctionVersion"] == "2"


def test_13_1_deleting_is_fine_as_often_as_one_likes(function: Function) -> None:
    made = make(function)
    for _ in range(2):
        answer = function.client.delete_alias(FunctionName=function.name, Name=made["Name"])
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(function.client.get_alias, FunctionName=function.name, Name=made["Name"]) == not_found(
        f"Cannot find alias arn: {made['AliasArn']}"
    )


def test_13_1_aliases_are_listed_by_version_and_in_pages(shared_server: Server) -> None:
    function = create(shared_server, VERSION.format("one"), Publish=True)
    for name, version in (("b", "1"), ("a", "$LATEST"), ("c", "1")):
        make(function, version, Name=name)
    client = function.client

    def names(answer: Any) -> list[str]:
        return [alias["Name"] for alias in answer["Aliases"]]

    assert names(client.list_aliases(FunctionName=function.name)) == ["a", "b", "c"]
    assert names(client.list_aliases(FunctionName=function.name, FunctionVersion="1")) == ["b", "c"]
    assert names(client.list_aliases(FunctionName=function.name, FunctionVersion="$LATEST")) == ["a"]
    assert names(client.list_aliases(FunctionName=function.name, FunctionVersion="9")) == []
    pages = client.get_paginator("list_aliases").paginate(FunctionName=function.name, PaginationConfig={"PageSize": 1})
    assert [names(page) for page in pages] == [["a"], ["b"], ["c"]]
    missing = unique()
    assert refusal(client.list_aliases, FunctionName=missing) == not_found(f"Function not found: {arn(missing)}")


def test_13_2_names(function: Function) -> None:
    assert make(function, Name=(name := f"2024-01-02-{unique()}"))["Name"] == name
    creating = function.client.create_alias
    assert refusal(creating, FunctionName=function.name, Name="2024", FunctionVersion="1") == violation(
        "'2024'",
        "name",
        "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
    )
    assert refusal(creating, FunctionName=function.name, Name=name, FunctionVersion="1") == conflict(
        f"Alias already exists: {arn(function, name)}"
    )


def test_13_3_an_alias_of_latest_without_routing(function: Function) -> None:
    assert make(function, "$LATEST")["FunctionVersion"] == "$LATEST"


def test_13_3_an_alias_cannot_route_to_latest(function: Function) -> None:
    listed = (
        "Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, "
        "Member must satisfy regular expression pattern: [0-9]+"
    )
    assert refusal(
        function.client.create_alias,
        FunctionName=function.name,
        Name="x",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"$LATEST": 0.5}},
    ) == violation(
        "'{$LATEST=0.5}'", "routingConfig.additionalVersionWeights", f"Map keys must satisfy constraint: [{listed}]"
    )


@pytest.mark.parametrize(("weight", "printed"), [(2, "2.0"), (-1, "-1.0")])
def test_13_3_a_weight_is_between_0_and_1(function: Function, weight: float, printed: str) -> None:
    listed = (
        "Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, "
        "Member must not be null"
    )
    # The SDK itself would refuse what is below 0.
    client = function.server.client(parameter_validation=False)
    assert refusal(
        client.create_alias,
        FunctionName=function.name,
        Name="x",
        FunctionVersion="1",
        RoutingConfig=routing(v2=weight),
    ) == violation(
        f"'{{2={printed}}}'",
        "routingConfig.additionalVersionWeights",
        f"Map value must satisfy constraint: [{listed}]",
    )


@pytest.mark.parametrize(
    ("version", "weights", "message"),
    [
        ("$LATEST", {"1": 0.5}, "$LATEST is not supported for an alias pointing to more than 1 version"),
        ("1", {"1": 0.5, "2": 0.5}, "Number of items in AdditionalVersionWeights cannot be greater than 1"),
        (
            "1",
            {"1": 0.5},
            "Invalid function version 1. Function version 1 is already included in routing configuration.",
        ),
    ],
)
def test_13_3_routing_that_makes_no_sense(
    function: Function, version: str, weights: dict[str, float], message: str
) -> None:
    config = {"AdditionalVersionWeights": weights}
    request = {"FunctionName": function.name, "Name": "x", "FunctionVersion": version, "RoutingConfig": config}
    assert refusal(function.client.create_alias, **request) == invalid(message)
    # 1.2: one of the bodies without a Type.
    with pytest.raises(ClientError) as raised:
        function.client.create_alias(**request)
    assert raised.value.response.get("Type") == (None if version == "$LATEST" else "User")


def test_13_3_what_is_missing_is_named(function: Function) -> None:
    creating, missing = function.client.create_alias, unique()
    assert refusal(creating, FunctionName=missing, Name="x", FunctionVersion="1") == not_found(
        f"Function not found: {arn(missing, '1')}"
    )
    assert refusal(creating, FunctionName=function.name, Name="x", FunctionVersion="10") == not_found(
        f"Function not found: {arn(function, '10')}"
    )
    assert refusal(
        creating, FunctionName=function.name, Name="x", FunctionVersion="1", RoutingConfig=routing(v10=0.5)
    ) == not_found(f"Function not found: {arn(function, '10')}")
    assert refusal(function.client.update_alias, FunctionName=function.name, Name="missing") == not_found(
        f"Alias not found: {arn(function, 'missing')}"
    )
    made = make(function)
    assert refusal(
        function.client.update_alias, FunctionName=function.name, Name=made["Name"], FunctionVersion="10"
    ) == not_found(f"Function not found: {arn(function, '10')}")
    assert refusal(function.client.invoke, FunctionName=function.name, Qualifier="missing") == not_found(
        f"Function not found: {arn(function, 'missing')}"
    )


def test_13_3_routing_happens_per_invocation(function: Function) -> None:
    made = make(function, "1", RoutingConfig=routing(v2=0.5))
    answers = [function.call(Qualifier=made["Name"]) for _ in range(30)]
    assert {(answer.version, answer.value) for answer in answers} == {("1", "one"), ("2", "two")}


def test_19_3_an_alias_stays_where_it_is_until_it_is_moved(function: Function) -> None:
    made = make(function, "1")
    assert function.call(Qualifier=made["Name"]).value == "one"
    function.client.update_alias(FunctionName=function.name, Name=made["Name"], FunctionVersion="2")
    moved = function.call(Qualifier=made["Name"])
    assert (moved.version, moved.value) == ("2", "two")
    function.client.delete_alias(FunctionName=function.name, Name=made["Name"])
    assert refusal(function.client.invoke, FunctionName=function.name, Qualifier=made["Name"]) == not_found(
        f"Function not found: {made['AliasArn']}"
    )


def test_6_a_function_shown_through_an_alias_is_its_primary_version(function: Function) -> None:
    made = make(function, "1", RoutingConfig=routing(v2=0.5))
    client = function.client
    version = client.get_function(FunctionName=function.name, Qualifier="1")["Configuration"]
    for named in (
        {"FunctionName": function.name, "Qualifier": made["Name"]},
        {"FunctionName": f"{function.name}:{made['Name']}"},
        {"FunctionName": made["AliasArn"]},
        {"FunctionName": made["AliasArn"], "Qualifier": made["Name"]},
    ):
        shown = client.get_function(**named)
        assert shown["Configuration"] == {**version, "FunctionArn": made["AliasArn"]}
        # 7
        configuration = client.get_function_configuration(**named)
        assert configuration.pop("ResponseMetadata")
        assert configuration == shown["Configuration"]


def test_2_4_what_is_not_there_is_named_as_it_was_asked_for(function: Function) -> None:
    client = function.client
    for getting in (client.get_function, client.get_function_configuration):
        for qualifier in ("99", "missing", "$latest"):
            assert refusal(getting, FunctionName=function.name, Qualifier=qualifier) == not_found(
                f"Function not found: {arn(function, qualifier)}"
            )
        assert refusal(getting, FunctionName=arn(function, "missing")) == not_found(
            f"Function not found: {arn(function, 'missing')}"
        )
    assert refusal(client.get_function, FunctionName=f"{function.name}:1", Qualifier="2") == invalid(
        "The derived qualifier from the function name does not match the specified qualifier."
    )
