"""What may happen to a function while it is being made ready, and which version an invocation gets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.names import Scope
from lamina.operations.call import Call

from .house import CODE, ROLE, House, zipped

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f"
FRIEND = Scope("210987654321", "eu-west-1")
CANNOT = "The operation cannot be performed at this time. "


def refusal(house: House, operation: str, **request: Any) -> tuple[str, int, str]:
    with pytest.raises(ApiError) as error:
        house.call(operation, FunctionName="f", **request)
    return error.value.code, error.value.status, error.value.message


def pending(house: House) -> None:
    house.trees.open.clear()
    code = {"ZipFile": CODE}
    house.call("CreateFunction", FunctionName="f", Runtime="python3.12", Handler="app.handler", Role=ROLE, Code=code)


def invoke(house: House, *, scope: Scope | None = None, **request: Any) -> Any:
    call = Call("request-id", scope or house.scope, "http://lamina.test:4566", {})

    async def answered() -> Any:
        answer: Any = house.handlers["Invoke"](call, {"Payload": b"1", "FunctionName": "f", **request})
        return await answer

    return asyncio.run(answered())


CHANGES = [
    ("UpdateFunctionConfiguration", {"Description": "d"}),
    ("UpdateFunctionCode", {"ZipFile": zipped(app__py="new")}),
    ("PublishVersion", {}),
]


@pytest.mark.parametrize(("operation", "request_"), CHANGES)
def test_3_5_nothing_changes_a_function_that_is_still_being_created(
    house: House, operation: str, request_: dict[str, Any]
) -> None:
    pending(house)
    assert refusal(house, operation, **request_) == (
        "ResourceConflictException",
        409,
        f"{CANNOT}The function is currently in the following state: Pending",
    )
    house.trees.open.set()
    house.settle()
    house.call(operation, FunctionName="f", **request_)


@pytest.mark.parametrize(("operation", "request_"), CHANGES)
def test_3_5_nothing_changes_a_function_while_an_update_is_in_progress(
    house: House, operation: str, request_: dict[str, Any]
) -> None:
    house.function("f")
    house.trees.open.clear()
    house.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
    assert refusal(house, operation, **request_) == (
        "ResourceConflictException",
        409,
        f"{CANNOT}An update is in progress for resource: {ARN}",
    )
    assert refusal(house, operation, **request_, RevisionId="wrong")[:2] == ("PreconditionFailedException", 412)


def test_3_5_get_right_after_an_update_still_shows_its_answer(house: House) -> None:
    house.function("f")
    house.trees.open.clear()
    answer = house.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
    assert house.call("GetFunctionConfiguration", FunctionName="f") == answer


def test_3_5_a_version_published_with_new_code_is_pending_beside_a_latest_in_progress(house: House) -> None:
    house.function("f")
    house.trees.open.clear()
    answer = house.call("UpdateFunctionCode", FunctionName="f", ZipFile=zipped(app__py="new"), Publish=True)
    assert house.call("GetFunctionConfiguration", FunctionName="f", Qualifier="1") == answer
    assert (answer["State"], answer["StateReasonCode"]) == ("Pending", "Creating")
    latest = house.call("GetFunctionConfiguration", FunctionName="f")
    assert (latest["State"], latest["LastUpdateStatus"]) == ("Active", "InProgress")
    house.trees.open.set()
    house.settle()
    for qualifier in ("$LATEST", "1"):
        settled = house.call("GetFunctionConfiguration", FunctionName="f", Qualifier=qualifier)
        assert (settled["State"], settled["LastUpdateStatus"]) == ("Active", "Successful")
    # Nothing has changed since.
    assert house.call("PublishVersion", FunctionName="f")["Version"] == "1"


def test_tags_that_come_while_a_function_is_created_do_not_keep_it_pending(house: House) -> None:
    pending(house)
    house.call("TagResource", Resource=ARN, Tags={"a": "1"})
    house.trees.open.set()
    house.settle()
    assert house.call("GetFunctionConfiguration", FunctionName="f")["State"] == "Active"
    assert house.call("ListTags", Resource=ARN)["Tags"] == {"a": "1"}


def test_a_function_that_could_not_be_made_cannot_be_published(house: House) -> None:
    house.trees.failure = OSError("disk full")
    pending(house)
    house.trees.open.set()
    house.settle()
    assert refusal(house, "PublishVersion")[2] == f"{CANNOT}The function is currently in the following state: Failed"


def test_what_was_kept_by_a_version_alone_goes_with_it(house: House) -> None:
    house.function("f", Publish=True)
    house.call("UpdateFunctionCode", FunctionName="f", ZipFile=zipped(app__py="new"))
    house.settle()
    assert len(set(house.blobs.digests())) == 2
    grant: dict[str, Any] = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}
    house.call("AddPermission", FunctionName="f", Qualifier="1", **grant)
    house.call("DeleteFunction", FunctionName="f", Qualifier="1")
    assert len(set(house.blobs.digests())) == 1
    assert refusal(house, "GetPolicy", Qualifier="1")[0] == "ResourceNotFoundException"


def test_13_3_each_invocation_of_an_alias_gets_its_version_by_chance(house: House) -> None:
    house.function("f", Publish=True)
    house.call("UpdateFunctionConfiguration", FunctionName="f", Description="two")
    house.settle()
    house.call("PublishVersion", FunctionName="f")
    routing = {"AdditionalVersionWeights": {"2": 0.25}}
    house.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig=routing)
    for draw, version in ((0.1, "2"), (0.3, "1"), (0.2, "2"), (0.9, "1")):
        house.draw = draw
        assert invoke(house, Qualifier="live")["ExecutedVersion"] == version
        spec, invocation = house.worker.given[-1]
        assert (spec.version, invocation.arn) == (version, f"{ARN}:live")
    house.call("UpdateAlias", FunctionName="f", Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
    house.draw = 0.1
    assert invoke(house, Qualifier="live")["ExecutedVersion"] == "1"


def test_2_1_what_is_granted_is_done_in_the_owners_name(house: House) -> None:
    house.function("f")
    with pytest.raises(ApiError) as raised:
        invoke(house, scope=FRIEND, FunctionName=ARN)
    assert (raised.value.code, raised.value.status, raised.value.kind) == ("AccessDeniedException", 403, None)
    grant: dict[str, Any] = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": FRIEND.account}
    house.call("AddPermission", FunctionName="f", **grant)
    assert invoke(house, scope=FRIEND, FunctionName=ARN)["StatusCode"] == 200
    assert house.worker.given[-1][0].function.scope == house.scope
    with pytest.raises(ApiError, match="lambda:GetFunction on resource"):
        house.call("GetFunction", scope=FRIEND, FunctionName=ARN)


def test_2_1_nobody_makes_a_function_in_another_account_whatever_is_granted(house: House) -> None:
    house.function("f")
    house.call("AddPermission", FunctionName="f", StatementId="s", Action="*", Principal=FRIEND.account)
    code = {"ZipFile": CODE}
    basics = {"Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE, "Code": code}
    with pytest.raises(ApiError) as raised:
        house.call("CreateFunction", scope=FRIEND, FunctionName=ARN, **basics)
    assert (raised.value.code, raised.value.message) == ("AccessDeniedException", "")
