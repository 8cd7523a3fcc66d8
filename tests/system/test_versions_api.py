"""Versions of functions over HTTP. The numbers in the names are sections of the recorded behaviour of AWS."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest

from tests.support.functions import Function, archive, create, unique, wait_until
from tests.support.refusals import conflict, failed_precondition, invalid, not_found, refusal
from tests.support.server import ACCOUNT, REGION, Server

pytestmark = pytest.mark.anybody

ECHO = "def handler(event, context): return event"
OTHER = "def handler(event, context): return 'other'"
LIFE = {"State", "StateReason", "StateReasonCode", "LastUpdateStatus", "LastUpdateStatusReason"} | {
    "LastUpdateStatusReasonCode",
    "RuntimeVersionConfig",
}


@pytest.fixture
def function(shared_server: Server) -> Function:
    made = create(shared_server, ECHO)
    settle(made)
    return made


def settle(function: Function) -> None:
    wait_until(lambda: function.settled, 30)


def arn(function: Function | str, qualifier: str = "") -> str:
    name = function if isinstance(function, str) else function.name
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" + (qualifier and f":{qualifier}")


def publish(function: Function, **request: Any) -> Any:
    settle(function)
    answer = function.client.publish_version(FunctionName=function.name, **request)
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 201
    return answer


def get(function: Function, **request: Any) -> Any:
    answer = function.client.get_function_configuration(FunctionName=function.name, **request)
    answer.pop("ResponseMetadata")
    return answer


def test_11_publishing_answers_the_version_qualified_and_active(function: Function) -> None:
    latest = get(function)
    version = publish(function, Description="first")
    assert (version["Version"], version["FunctionArn"]) == ("1", arn(function, "1"))
    assert (version["State"], version["LastUpdateStatus"], version["Description"]) == ("Active", "Successful", "first")
    assert not {"StateReason", "StateReasonCode", "LastUpdateStatusReason"} & set(version)
    # 3.6: it has a RevisionId of its own, and $LATEST gets another.
    assert version["RevisionId"] != latest["RevisionId"]
    assert get(function)["RevisionId"] not in (version["RevisionId"], latest["RevisionId"])
    assert get(function)["Description"] == ""
    assert get(function, Qualifier="1") == version


def test_11_nothing_new_is_published_of_nothing_new(function: Function) -> None:
    first = publish(function, Description="first")
    latest = get(function)
    assert publish(function, Description="ignored") == first
    assert get(function) == latest
    # A changed configuration alone is enough, with the same code.
    function.update(Description="changed")
    second = publish(function)
    assert (second["Version"], second["Description"], second["CodeSha256"]) == ("2", "changed", first["CodeSha256"])
    function.update(Environment={"Variables": {"NAME": "1"}})
    assert publish(function)["Version"] == "3"
    assert get(function, Qualifier="1") == first


def test_11_a_function_created_with_publish_has_version_1_already(shared_server: Server) -> None:
    function = create(shared_server, ECHO, Publish=True)
    settle(function)
    assert publish(function)["Version"] == "1"


def test_3_4_create_with_publish_answers_version_1_with_an_unqualified_arn(shared_server: Server) -> None:
    made = create(shared_server, ECHO)
    request = {key: get(made)[key] for key in ("Runtime", "Handler", "Role")}
    name = unique()
    answer = made.client.create_function(FunctionName=name, Code={"ZipFile": archive(ECHO)}, Publish=True, **request)
    assert (answer["Version"], answer["FunctionArn"]) == ("1", arn(name))


def test_11_preconditions(function: Function) -> None:
    current = base64.b64encode(hashlib.sha256(archive(ECHO)).digest()).decode()
    publishing = function.client.publish_version
    assert refusal(publishing, FunctionName=function.name, CodeSha256="wrong") == invalid(
        f"CodeSHA256 (wrong) is different from current CodeSHA256 in $LATEST ({current}). "
        "Please try again with the CodeSHA256 in $LATEST."
    )
    assert refusal(publishing, FunctionName=function.name, RevisionId="wrong") == failed_precondition()
    revision = get(function, Qualifier="$LATEST")["RevisionId"]
    assert publish(function, CodeSha256=current, RevisionId=revision)["Version"] == "1"
    missing = unique()
    assert refusal(publishing, FunctionName=missing) == not_found(f"Function not found: {arn(missing)}")


def test_3_5_updating_code_with_publish_answers_the_pending_version(function: Function) -> None:
    function.client.update_function_configuration(FunctionName=function.name, Description="d")
    settle(function)
    answer = function.client.update_function_code(FunctionName=function.name, ZipFile=archive(OTHER), Publish=True)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert (answer["Version"], answer["FunctionArn"], answer["Description"]) == ("1", arn(function, "1"), "d")
    assert (answer["State"], answer["StateReason"]) == ("Pending", "The function is being created.")
    assert answer["StateReasonCode"] == "Creating"
    assert "LastUpdateStatus" not in answer
    function.client.get_waiter("published_version_active").wait(
        FunctionName=function.name, Qualifier="1", WaiterConfig={"Delay": 0.05}
    )
    assert function.call(1, Qualifier="1").value == "other"


def test_12_versions_are_listed_latest_first_and_without_their_state(function: Function) -> None:
    for number in range(3):
        function.update(Description=f"v{number}")
        publish(function)
    function.client.delete_function(FunctionName=function.name, Qualifier="2")
    listed = function.client.list_versions_by_function(FunctionName=function.name)["Versions"]
    assert [item["Version"] for item in listed] == ["$LATEST", "1", "3"]
    assert [item["FunctionArn"] for item in listed] == [arn(function, item["Version"]) for item in listed]
    for item in listed:
        shown = get(function, Qualifier=item["Version"])
        assert item == {name: value for name, value in shown.items() if name not in LIFE}
    pages = function.client.get_paginator("list_versions_by_function").paginate(
        FunctionName=function.name, PaginationConfig={"PageSize": 1}
    )
    assert [[item["Version"] for item in page["Versions"]] for page in pages] == [["$LATEST"], ["1"], ["3"]]
    missing = unique()
    assert refusal(function.client.list_versions_by_function, FunctionName=missing) == not_found(
        f"Function not found: {arn(missing)}"
    )


def test_12_all_versions_of_all_functions(shared_server: Server) -> None:
    account = "120000000012"
    client = shared_server.client(account=account)
    made = create(shared_server, ECHO)
    request = {key: get(made)[key] for key in ("Runtime", "Handler", "Role")}
    for name in ("b", "a"):
        client.create_function(FunctionName=name, Code={"ZipFile": archive(ECHO)}, Publish=True, **request)
    prefix = f"arn:aws:lambda:{REGION}:{account}:function"
    assert [item["FunctionArn"] for item in client.list_functions()["Functions"]] == [f"{prefix}:a", f"{prefix}:b"]
    assert {item["Version"] for item in client.list_functions()["Functions"]} == {"$LATEST"}
    every = client.list_functions(FunctionVersion="ALL")["Functions"]
    assert [item["FunctionArn"] for item in every] == [
        f"{prefix}:{name}:{version}" for name in ("a", "b") for version in ("$LATEST", "1")
    ]
    assert not LIFE & {member for item in every for member in item}
    pages = client.get_paginator("list_functions").paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": 1})
    assert [page["Functions"][0]["FunctionArn"] for page in pages] == [item["FunctionArn"] for item in every]
    # There are no edge functions, so there are no replicas of one.
    assert client.list_functions(FunctionVersion="ALL", MasterRegion=REGION)["Functions"] == []
    assert len(client.list_functions(FunctionVersion="ALL", MasterRegion="ALL")["Functions"]) == 4


def test_10_deleting_one_version_leaves_the_others(function: Function) -> None:
    publish(function)
    delete = function.client.delete_function
    assert delete(FunctionName=function.name, Qualifier="1")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert delete(FunctionName=f"{function.name}:1")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(get_version := function.client.get_function, FunctionName=f"{function.name}:1") == not_found(
        f"Function not found: {arn(function, '1')}"
    )
    assert refusal(delete, FunctionName=arn(function, "$LATEST")) == invalid(
        "$LATEST version cannot be deleted without deleting the function."
    )
    assert refusal(delete, FunctionName=function.name, Qualifier="$latest") == not_found(
        f"Function not found: {arn(function)}"
    )
    assert refusal(delete, FunctionName=unique(), Qualifier="some-alias") == invalid(
        "Deletion of aliases is not currently supported."
    )
    # A number is not used again.
    function.update(Description="next")
    assert publish(function)["Version"] == "2"
    assert get_version(FunctionName=function.name, Qualifier="2")["Configuration"]["Version"] == "2"


def test_10_a_version_that_an_alias_leads_to_stays(function: Function) -> None:
    publish(function)
    function.update(Description="next")
    publish(function)
    routing = {"AdditionalVersionWeights": {"2": 0.1}}
    function.client.create_alias(FunctionName=function.name, Name="b", FunctionVersion="1")
    function.client.create_alias(FunctionName=function.name, Name="a", FunctionVersion="1", RoutingConfig=routing)
    sentence = "Unable to delete version because the following aliases reference it: "
    delete = function.client.delete_function
    assert refusal(delete, FunctionName=function.name, Qualifier="1") == conflict(f"{sentence}[a, b]")
    assert refusal(delete, FunctionName=function.name, Qualifier="2") == conflict(f"{sentence}[a]")


def test_19_3_every_version_runs_its_own_code(function: Function) -> None:
    publish(function)
    function.update_code(OTHER)
    settle(function)
    publish(function)
    answers = [function.call("event", Qualifier=qualifier) for qualifier in ("$LATEST", "1", "2")]
    assert [(answer.value, answer.version) for answer in answers] == [
        ("other", "$LATEST"),
        ("event", "1"),
        ("other", "2"),
    ]
    # 21.1
    assert "Version: 1\n" in answers[1].log
    # An environment of a published version outlives an update of $LATEST.
    function.update(Description="changed")
    settle(function)
    assert "Init Duration" not in function.call("event", Qualifier="1").log


def test_19_3_what_a_function_is_told_of_the_version_it_runs_as(shared_server: Server) -> None:
    telling = create(
        shared_server,
        "import os\n"
        "def handler(event, context):\n"
        "    return [context.function_name, context.function_version, context.invoked_function_arn,"
        " os.environ['AWS_LAMBDA_FUNCTION_VERSION']]",
    )
    publish(telling)
    telling.client.create_alias(FunctionName=telling.name, Name="live", FunctionVersion="1")
    for named, version, told in (
        ({}, "$LATEST", arn(telling)),
        ({"FunctionName": arn(telling, "$LATEST")}, "$LATEST", arn(telling, "$LATEST")),
        ({"Qualifier": "1"}, "1", arn(telling, "1")),
        ({"Qualifier": "live"}, "1", arn(telling, "live")),
        ({"FunctionName": arn(telling, "live")}, "1", arn(telling, "live")),
        ({"FunctionName": f"{telling.name}:live"}, "1", arn(telling, "live")),
    ):
        addressed = replace(telling, name=named.pop("FunctionName", telling.name))
        answer = addressed.call(None, **named)
        assert answer.version == version
        assert answer.value == [telling.name, version, told, version]
