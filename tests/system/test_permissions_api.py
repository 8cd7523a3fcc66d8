"""Resource policies of functions, and what they let other accounts do. Numbers are sections of AWS's behaviour."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.support.functions import Function, create, unique, wait_until
from tests.support.refusals import (
    P_QUALIFIER,
    conflict,
    denied,
    failed_precondition,
    invalid,
    not_found,
    refusal,
    violation,
)
from tests.support.server import ACCOUNT, REGION, Server

pytestmark = pytest.mark.anybody

ECHO = "def handler(event, context): return event"
FRIEND = "140000000014"
STRANGER = "150000000015"
ASKED = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
NOTHING = not_found("The resource you requested does not exist.")


@pytest.fixture
def function(shared_server: Server) -> Function:
    """A function with version 1 and the alias `live`, which leads to it."""
    made = create(shared_server, ECHO, Publish=True)
    wait_until(lambda: made.settled, 30)
    made.client.create_alias(FunctionName=made.name, Name="live", FunctionVersion="1")
    return made


def arn(function: Function | str, qualifier: str = "") -> str:
    name = function if isinstance(function, str) else function.name
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" + (qualifier and f":{qualifier}")


def add(function: Function, **request: Any) -> Any:
    answer = function.client.add_permission(**{"FunctionName": function.name, **ASKED, **request})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    return json.loads(answer["Statement"])


def policy(function: Function, **request: Any) -> tuple[Any, str]:
    answer = function.client.get_policy(FunctionName=function.name, **request)
    return json.loads(answer["Policy"]), answer["RevisionId"]


def remove(function: Function, sid: str, **request: Any) -> None:
    answer = function.client.remove_permission(FunctionName=function.name, StatementId=sid, **request)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_14_1_statements_and_policies_are_json_in_their_order(function: Function) -> None:
    answer = function.client.add_permission(FunctionName=function.name, SourceArn="arn:aws:s3:::bucket", **ASKED)
    statement = (
        '{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction",'
        f'"Resource":"{arn(function)}","Condition":{{"ArnLike":{{"AWS:SourceArn":"arn:aws:s3:::bucket"}}}}}}'
    )
    assert answer["Statement"] == statement
    shown = function.client.get_policy(FunctionName=function.name)
    assert shown["Policy"] == f'{{"Version":"2012-10-17","Id":"default","Statement":[{statement}]}}'
    assert len(shown["RevisionId"]) == 36


def test_14_4_every_qualifier_has_a_policy_of_its_own(function: Function) -> None:
    revisions = set()
    for qualifier in ("", "1", "live"):
        named = {"Qualifier": qualifier} if qualifier else {}
        assert add(function, **named)["Resource"] == arn(function, qualifier)
        shown, revision = policy(function, **named)
        assert [each["Resource"] for each in shown["Statement"]] == [arn(function, qualifier)]
        revisions.add(revision)
    assert len(revisions) == 3
    # The same by a qualified name.
    shown, _ = policy(replace(function, name=arn(function, "live")))
    assert shown["Statement"][0]["Resource"] == arn(function, "live")
    remove(function, "s3", Qualifier="live")
    assert refusal(function.client.get_policy, FunctionName=function.name, Qualifier="live") == NOTHING
    assert policy(function)[0]["Statement"]


def test_14_4_the_policy_revision_changes_with_the_policy_alone(function: Function) -> None:
    add(function)
    _, first = policy(function)
    function.client.update_function_configuration(FunctionName=function.name, Description="d")
    wait_until(lambda: function.settled, 30)
    function.client.publish_version(FunctionName=function.name)
    add(function, Qualifier="1")
    assert policy(function)[1] == first
    assert first != function.client.get_function_configuration(FunctionName=function.name)["RevisionId"]
    # Publishing copies no policy.
    assert refusal(function.client.get_policy, FunctionName=function.name, Qualifier="2") == NOTHING
    add(function, StatementId="second", RevisionId=first)
    shown, second = policy(function)
    assert [each["Sid"] for each in shown["Statement"]] == ["s3", "second"]
    wrong = failed_precondition("GetPolicy")
    adding, removing = function.client.add_permission, function.client.remove_permission
    again = {**ASKED, "StatementId": "third"}
    assert refusal(adding, FunctionName=function.name, RevisionId=first, **again) == wrong
    assert refusal(removing, FunctionName=function.name, StatementId="s3", RevisionId=first) == wrong
    remove(function, "s3", RevisionId=second)
    assert policy(function)[1] not in (first, second)
    remove(function, "second")
    assert refusal(function.client.get_policy, FunctionName=function.name) == NOTHING


def test_14_4_the_first_statement_goes_by_the_revision_of_what_it_is_on(function: Function) -> None:
    alias = function.client.get_alias(FunctionName=function.name, Name="live")
    wrong = failed_precondition("GetPolicy")
    request = {"FunctionName": function.name, "Qualifier": "live", **ASKED}
    assert refusal(function.client.add_permission, RevisionId="wrong", **request) == wrong
    add(function, Qualifier="live", RevisionId=alias["RevisionId"])


def test_14_5_errors(function: Function) -> None:
    adding = function.client.add_permission
    add(function)
    request = {"FunctionName": function.name, **ASKED}
    assert refusal(adding, **request) == conflict(
        "The statement id (s3) provided already exists. "
        "Please provide a new statement id, or remove the existing statement."
    )
    assert refusal(adding, **{**request, "StatementId": "example.com"}) == violation(
        "'example.com'", "statementId", "Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)"
    )
    assert refusal(adding, **request, Qualifier="$LATEST") == invalid(
        "We currently do not support adding policies for $LATEST."
    )
    assert refusal(adding, **{**request, "FunctionName": f"{function.name}:1"}, Qualifier="2") == invalid(
        "The derived qualifier from the function name does not match the specified qualifier."
    )
    assert refusal(adding, **request, Qualifier="invalid-qualifier-with-?-char") == violation(
        "'invalid-qualifier-with-?-char'",
        "qualifier",
        f"Member must satisfy regular expression pattern: {P_QUALIFIER}",
    )
    assert refusal(adding, **{**request, "StatementId": "x", "Principal": "invalid.nonaws.com"}) == invalid(
        "The provided principal was invalid. Please check the principal and try again."
    )


def test_2_4_whatever_is_missing_has_its_own_sentence(function: Function) -> None:
    client, missing = function.client, unique()
    adding = {"FunctionName": function.name, **ASKED}
    assert refusal(client.add_permission, **{**adding, "FunctionName": missing}) == not_found(
        f"Function not found: {arn(missing)}"
    )
    for qualifier, message in (
        ("42", f"Function not found: {arn(function, '42')}"),
        ("missing", f"Cannot find alias arn: {arn(function, 'missing')}"),
        ("valid-with-$-but-doesnotexist", f"Function not found: {arn(function, 'valid-with-$-but-doesnotexist')}"),
    ):
        assert refusal(client.add_permission, **adding, Qualifier=qualifier) == not_found(message)
    removing = {"FunctionName": function.name, "StatementId": "s3"}
    assert refusal(client.remove_permission, **{**removing, "FunctionName": missing}) == not_found(
        f"No policy found for: {arn(missing)}"
    )
    assert refusal(client.remove_permission, **removing) == not_found(
        "No policy is associated with the given resource."
    )
    assert refusal(client.remove_permission, **removing, Qualifier="missing") == not_found(
        f"Cannot find alias arn: {arn(function, 'missing')}"
    )
    add(function, StatementId="other")
    assert refusal(client.remove_permission, **removing) == not_found("Statement s3 is not found in resource policy.")
    for named in ({"FunctionName": missing}, {"FunctionName": function.name, "Qualifier": "42"}):
        assert refusal(client.get_policy, **named) == NOTHING


def test_14_a_policy_ends_at_20_kilobytes(function: Function) -> None:
    def grow() -> tuple[str, str]:
        for number in range(200):
            try:
                add(function, StatementId=f"s{number}", SourceArn="arn:aws:s3:::" + "b" * 500)
            except function.client.exceptions.PolicyLengthExceededException as error:
                return error.response["Error"]["Code"], error.response["Error"]["Message"]
        return "", ""

    code, message = grow()
    assert code == "PolicyLengthExceededException"
    assert message.startswith("The final policy size (2")
    assert message.endswith(") is bigger than the limit (20480).")


def test_2_1_a_granted_account_reaches_the_function_by_its_arn(function: Function) -> None:
    friend = function.server.client(account=FRIEND)
    named = {"FunctionName": arn(function)}
    assert refusal(friend.get_function, **named) == denied(FRIEND, "GetFunction", arn(function))
    add(function, Action="lambda:*", Principal=FRIEND)
    assert friend.get_function(**named)["Configuration"]["FunctionArn"] == arn(function)
    assert friend.get_function_configuration(**named)["FunctionName"] == function.name
    assert friend.create_alias(**named, Name="theirs", FunctionVersion="1")["AliasArn"] == arn(function, "theirs")
    assert friend.get_alias(**named, Name="theirs")["FunctionVersion"] == "1"
    assert friend.update_alias(**named, Name="theirs", Description="d")["Description"] == "d"
    assert {alias["Name"] for alias in friend.list_aliases(**named)["Aliases"]} == {"live", "theirs"}
    friend.delete_alias(**named, Name="theirs")
    friend.tag_resource(Resource=arn(function), Tags={"a": "1"})
    assert friend.list_tags(Resource=arn(function))["Tags"] == {"a": "1"}
    friend.untag_resource(Resource=arn(function), TagKeys=["a"])
    assert json.loads(friend.invoke(**named, Payload=b'"hello"')["Payload"].read()) == "hello"
    assert friend.publish_version(**named)["FunctionArn"] == arn(function, "1")
    # A name without the account is the friend's own.
    assert refusal(friend.get_function, FunctionName=function.name) == not_found(
        f"Function not found: arn:aws:lambda:{REGION}:{FRIEND}:function:{function.name}"
    )
    stranger = function.server.client(account=STRANGER)
    assert refusal(stranger.invoke, **named) == denied(STRANGER, "InvokeFunction", arn(function))
    friend.delete_function(**named)
    assert refusal(function.client.get_function, FunctionName=function.name) == not_found(
        f"Function not found: {arn(function)}"
    )


def test_2_1_a_grant_is_for_what_it_names_and_for_no_more(function: Function) -> None:
    friend = function.server.client(account=FRIEND)
    add(function, Principal=FRIEND, Qualifier="live")
    assert json.loads(friend.invoke(FunctionName=arn(function, "live"), Payload=b"1")["Payload"].read()) == 1
    assert refusal(friend.invoke, FunctionName=arn(function)) == denied(FRIEND, "InvokeFunction", arn(function))
    assert refusal(friend.invoke, FunctionName=arn(function), Qualifier="1") == denied(
        FRIEND, "InvokeFunction", arn(function, "1")
    )
    assert refusal(friend.get_function, FunctionName=arn(function, "live")) == denied(
        FRIEND, "GetFunction", arn(function, "live")
    )
    remove(function, "s3", Qualifier="live")
    assert refusal(friend.invoke, FunctionName=arn(function, "live")) == denied(
        FRIEND, "InvokeFunction", arn(function, "live")
    )


def test_2_1_a_grant_to_a_service_or_with_a_condition_lets_no_account_in(function: Function) -> None:
    friend = function.server.client(account=FRIEND)
    add(function, StatementId="a")
    add(function, StatementId="b", Principal="*", SourceAccount=FRIEND)
    add(function, StatementId="c", Principal="*", FunctionUrlAuthType="NONE", Action="lambda:InvokeFunctionUrl")
    assert refusal(friend.invoke, FunctionName=arn(function)) == denied(FRIEND, "InvokeFunction", arn(function))


def test_2_3_other_regions_and_accounts_when_creating(function: Function) -> None:
    elsewhere = arn(function).replace(REGION, "eu-central-1")
    told = not_found(f"Functions from 'eu-central-1' are not reachable in this region ('{REGION}')")
    assert refusal(function.client.get_function, FunctionName=elsewhere) == told
    assert refusal(function.client.add_permission, FunctionName=elsewhere, **ASKED) == told
    foreign = arn("theirs").replace(ACCOUNT, FRIEND)
    configuration = function.client.get_function_configuration(FunctionName=function.name)
    request = {key: configuration[key] for key in ("Runtime", "Handler", "Role")}
    assert refusal(function.client.create_function, FunctionName=foreign, Code={"ZipFile": b"x"}, **request) == (
        403,
        "AccessDeniedException",
        None,
    )
