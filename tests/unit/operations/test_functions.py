"""The function operations, called as the gateway calls them."""

from __future__ import annotations

from threading import Barrier, Thread
from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.names import Digest, Scope

from .house import CODE, ROLE, House, zipped

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f"
LAYER = "arn:aws:lambda:eu-west-1:123456789012:layer"
OTHER = Scope("210987654321", "eu-west-1")
BASICS: dict[str, Any] = {
    "FunctionName": "f",
    "Runtime": "python3.12",
    "Handler": "app.handler",
    "Role": ROLE,
    "Code": {"ZipFile": CODE},
}


def create(house: House, **changes: Any) -> Any:
    return house.call("CreateFunction", **(BASICS | changes))


def configuration(house: House, **request: Any) -> Any:
    return house.call("GetFunctionConfiguration", **({"FunctionName": "f"} | request))


def refusal(house: House, operation: str, **request: Any) -> tuple[str, int, str]:
    with pytest.raises(ApiError) as error:
        house.call(operation, **request)
    return error.value.code, error.value.status, error.value.message


def test_a_create_answers_pending_with_every_default(house: House) -> None:
    house.trees.open.clear()
    output = create(house)
    assert output.pop("RevisionId")
    assert output.pop("RuntimeVersionConfig")["RuntimeVersionArn"].startswith("arn:aws:lambda:eu-west-1::runtime:")
    assert output == {
        "Architectures": ["x86_64"],
        "CodeSha256": Digest.of(CODE).base64,
        "CodeSize": len(CODE),
        "Description": "",
        "EphemeralStorage": {"Size": 512},
        "FunctionArn": ARN,
        "FunctionName": "f",
        "Handler": "app.handler",
        "LastModified": "2026-01-02T03:04:05.678+0000",
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
        "MemorySize": 128,
        "PackageType": "Zip",
        "Role": ROLE,
        "Runtime": "python3.12",
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "Timeout": 3,
        "TracingConfig": {"Mode": "PassThrough"},
        "Version": "$LATEST",
    }


def test_it_becomes_active_with_another_revision(house: House) -> None:
    house.trees.open.clear()
    created = create(house)
    assert configuration(house)["RevisionId"] == created["RevisionId"]
    house.trees.open.set()
    house.settle()
    active = configuration(house)
    assert (active["State"], active["LastUpdateStatus"]) == ("Active", "Successful")
    assert active["RevisionId"] != created["RevisionId"]
    assert not {"StateReason", "StateReasonCode", "LastUpdateStatusReason"} & active.keys()


def test_an_update_is_in_progress_until_it_is_successful(house: House) -> None:
    before = house.function("f")
    house.trees.open.clear()
    answer = house.call("UpdateFunctionConfiguration", FunctionName="f", MemorySize=256)
    assert configuration(house) == answer
    assert (answer["State"], answer["LastUpdateStatus"], answer["MemorySize"]) == ("Active", "InProgress", 256)
    assert answer["LastUpdateStatusReason"] == "The function is being created."
    assert answer["LastUpdateStatusReasonCode"] == "Creating"
    again = {"FunctionName": "f", "MemorySize": 512}
    sentence = f"The operation cannot be performed at this time. An update is in progress for resource: {ARN}"
    assert refusal(house, "UpdateFunctionConfiguration", **again) == ("ResourceConflictException", 409, sentence)
    code = {"FunctionName": "f", "ZipFile": zipped(other="x")}
    assert refusal(house, "UpdateFunctionCode", **code) == ("ResourceConflictException", 409, sentence)
    house.trees.open.set()
    house.settle()
    after = configuration(house)
    assert (after["LastUpdateStatus"], "LastUpdateStatusReason" in after) == ("Successful", False)
    assert len({before["RevisionId"], answer["RevisionId"], after["RevisionId"]}) == 3


def test_a_code_update_serves_the_new_bytes_at_once_and_lets_the_old_ones_go(house: House) -> None:
    house.function("f")
    house.trees.open.clear()
    new = zipped(app__py="new")
    answer = house.call("UpdateFunctionCode", FunctionName="f", ZipFile=new, Architectures=["arm64"])
    assert (answer["CodeSha256"], answer["CodeSize"]) == (Digest.of(new).base64, len(new))
    assert (answer["Architectures"], answer["LastUpdateStatus"]) == (["arm64"], "InProgress")
    shown = house.call("GetFunction", FunctionName="f")
    assert shown["Code"]["RepositoryType"] == "S3"
    assert b"".join(house.download(shown["Code"]["Location"]).chunks) == new
    assert set(house.blobs.digests()) == {Digest.of(new)}


def test_a_dry_run_shows_what_would_be_and_changes_nothing(house: House) -> None:
    before = house.function("f")
    new = zipped(app__py="new")
    answer = house.call("UpdateFunctionCode", FunctionName="f", ZipFile=new, DryRun=True)
    assert answer["CodeSha256"] == Digest.of(new).base64
    assert configuration(house) == before
    assert set(house.blobs.digests()) == {Digest.of(CODE)}


def test_publishing_on_create_and_on_update_makes_versions_that_do_not_change(house: House) -> None:
    house.trees.open.clear()
    created = create(house, Publish=True)
    assert (created["Version"], created["FunctionArn"], created["State"]) == ("1", ARN, "Pending")
    house.trees.open.set()
    house.settle()
    one, latest = configuration(house, Qualifier="1"), configuration(house)
    assert (one["FunctionArn"], one["Version"], one["State"]) == (f"{ARN}:1", "1", "Active")
    assert one["RevisionId"] != latest["RevisionId"]
    two = house.call("UpdateFunctionCode", FunctionName="f", ZipFile=zipped(app__py="new"), Publish=True)
    assert (two["FunctionArn"], two["Version"], two["State"]) == (f"{ARN}:2", "2", "Pending")
    assert "LastUpdateStatus" not in two
    house.settle()
    assert configuration(house, FunctionName="f:1") == one
    assert configuration(house, FunctionName=f"{ARN}:2")["CodeSha256"] == configuration(house)["CodeSha256"]


def test_synchronous_answers_are_of_what_can_run() -> None:
    house = House(synchronous=True)
    try:
        assert (create(house)["State"], create(house, FunctionName="g", Publish=True)["State"]) == ("Active", "Active")
        answer = house.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=5)
        assert (answer["LastUpdateStatus"], answer["Timeout"]) == ("Successful", 5)
    finally:
        house.close()


def test_a_function_whose_trees_cannot_be_made_says_why_and_can_be_updated(house: House) -> None:
    house.trees.failure = OSError(28, "No space left on device")
    failed = house.function("f")
    assert (failed["State"], failed["StateReasonCode"]) == ("Failed", "InternalError")
    assert "No space left on device" in failed["StateReason"]
    assert "LastUpdateStatus" not in failed
    house.trees.failure = None
    house.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=4)
    house.settle()
    assert configuration(house)["State"] == "Active"
    house.trees.failure = OSError(28, "No space left on device")
    house.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=5)
    house.settle()
    after = configuration(house)
    assert (after["State"], after["LastUpdateStatus"], after["Timeout"]) == ("Active", "Failed", 5)


def test_layers_are_kept_in_order_and_replaced_whole(house: House) -> None:
    one, two = house.layer("one", "1"), house.layer("two", "22")
    function = house.function("f", Layers=[two, one])
    assert [layer["Arn"] for layer in function["Layers"]] == [two, one]
    assert {layer["CodeSize"] for layer in function["Layers"]} == {len(zipped(file="1")), len(zipped(file="22"))}
    assert function["CodeSha256"] == Digest.of(CODE).base64
    house.call("UpdateFunctionConfiguration", FunctionName="f", Layers=[one])
    house.settle()
    assert [layer["Arn"] for layer in configuration(house)["Layers"]] == [one]
    house.call("UpdateFunctionConfiguration", FunctionName="f", Layers=[])
    house.settle()
    assert "Layers" not in configuration(house)


def test_a_function_keeps_a_deleted_layer_version_but_a_list_that_names_it_is_refused(house: House) -> None:
    one = house.layer("one")
    before = house.function("f", Layers=[one])
    house.call("DeleteLayerVersion", LayerName="one", VersionNumber=1)
    assert configuration(house) == before
    assert len(list(house.blobs.digests())) == 2
    house.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
    house.settle()
    assert [layer["Arn"] for layer in configuration(house)["Layers"]] == [one]
    gone = ("InvalidParameterValueException", 400, f"Layer version {one} does not exist.")
    assert refusal(house, "UpdateFunctionConfiguration", FunctionName="f", Layers=[one]) == gone
    assert refusal(house, "CreateFunction", **(BASICS | {"FunctionName": "g", "Layers": [one]})) == gone
    house.call("DeleteFunction", FunctionName="f")
    assert list(house.blobs.digests()) == []
    assert list(house.trees.digests()) == []


def test_a_layer_of_another_account_is_refused(house: House) -> None:
    one = house.layer("one")
    with pytest.raises(ApiError) as error:
        house.call("CreateFunction", scope=OTHER, **(BASICS | {"Layers": [one]}))
    assert (error.value.code, error.value.status) == ("AccessDeniedException", 403)
    assert "lambda:GetLayerVersion on resource: " + one in error.value.message


def test_a_layer_of_another_region_is_refused_before_the_name_is_looked_up(house: House) -> None:
    house.function("f")
    elsewhere = f"{LAYER}:one:1".replace("eu-west-1", "us-east-1")
    assert refusal(house, "CreateFunction", **(BASICS | {"Layers": [elsewhere]})) == (
        "InvalidParameterValueException",
        400,
        "Layers are not in the same region as the function. Layers are expected to be in region eu-west-1.",
    )


def test_a_refused_create_leaves_nothing_behind(house: House) -> None:
    unknown = f"{LAYER}:one:1"
    assert refusal(house, "CreateFunction", **(BASICS | {"Layers": [unknown]}))[2].endswith("does not exist.")
    assert list(house.blobs.digests()) == []
    assert house.call("ListFunctions") == {"Functions": []}


def test_an_existing_name_is_a_conflict_and_the_existing_code_stays(house: House) -> None:
    before = house.function("f")
    conflict = ("ResourceConflictException", 409, "Function already exist: f")
    assert refusal(house, "CreateFunction", **BASICS) == conflict
    assert refusal(house, "CreateFunction", **(BASICS | {"Code": {"ZipFile": zipped(x="y")}})) == conflict
    assert configuration(house) == before
    assert set(house.blobs.digests()) == {Digest.of(CODE)}


def test_only_the_right_revision_may_update(house: House) -> None:
    revision = house.function("f")["RevisionId"]
    sentence = (
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )
    for operation, request in (("UpdateFunctionConfiguration", {}), ("UpdateFunctionCode", {"ZipFile": CODE})):
        answer = refusal(house, operation, FunctionName="f", RevisionId="wrong", **request)
        assert answer == ("PreconditionFailedException", 412, sentence)
    assert configuration(house)["RevisionId"] == revision
    house.call("UpdateFunctionConfiguration", FunctionName="f", RevisionId=revision, Timeout=7)


def test_of_many_updates_guarded_by_one_revision_exactly_one_wins(house: House) -> None:
    revision = house.function("f")["RevisionId"]
    barrier, won, lost = Barrier(12), list[int](), list[str]()

    def update(timeout: int) -> None:
        barrier.wait()
        try:
            house.call("UpdateFunctionConfiguration", FunctionName="f", RevisionId=revision, Timeout=timeout)
            won.append(timeout)
        except ApiError as error:
            lost.append(error.code)

    threads = [Thread(target=update, args=(timeout,)) for timeout in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    house.settle()
    assert [configuration(house)["Timeout"]] == won
    assert len(lost) == 11
    assert set(lost) <= {"PreconditionFailedException", "ResourceConflictException"}


@pytest.mark.parametrize(
    ("request_", "arn"),
    [
        ({"FunctionName": "f"}, ARN),
        ({"FunctionName": "f", "Qualifier": "$LATEST"}, f"{ARN}:$LATEST"),
        ({"FunctionName": "f", "Qualifier": "$latest"}, f"{ARN}:$latest"),
        ({"FunctionName": "f", "Qualifier": "1"}, f"{ARN}:1"),
        ({"FunctionName": f"{ARN}:live"}, f"{ARN}:live"),
        ({"FunctionName": "f:live", "Qualifier": "live"}, f"{ARN}:live"),
        (
            {"FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function"},
            "arn:aws:lambda:eu-west-1:123456789012:function:function",
        ),
    ],
)
def test_what_is_not_found_is_named_as_it_was_asked_for(house: House, request_: dict[str, str], arn: str) -> None:
    for operation in ("GetFunction", "GetFunctionConfiguration"):
        answer = refusal(house, operation, **request_)
        assert answer == ("ResourceNotFoundException", 404, f"Function not found: {arn}")


def test_names_that_contradict_or_reach_elsewhere_are_refused(house: House) -> None:
    mismatch = "The derived qualifier from the function name does not match the specified qualifier."
    for operation in ("GetFunction", "DeleteFunction"):
        answer = refusal(house, operation, FunctionName=f"{ARN}:$LATEST", Qualifier="1")
        assert answer == ("InvalidParameterValueException", 400, mismatch)
        elsewhere = refusal(house, operation, FunctionName=ARN.replace("eu-west-1", "us-east-1"))
        sentence = "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')"
        assert elsewhere == ("ResourceNotFoundException", 404, sentence)
    foreign = refusal(house, "CreateFunction", **(BASICS | {"FunctionName": "210987654321:function:f"}))
    assert foreign[:2] == ("AccessDeniedException", 403)
    assert refusal(house, "UpdateFunctionConfiguration", FunctionName="f:1")[:2] == (
        "InvalidParameterValueException",
        400,
    )


def test_a_create_by_arn_answers_the_bare_name(house: House) -> None:
    output = create(house, FunctionName=ARN)
    assert (output["FunctionName"], output["FunctionArn"]) == ("f", ARN)


def test_the_arn_shows_how_the_function_was_asked_for(house: House) -> None:
    house.function("f")
    asked = [{}, {"Qualifier": "$LATEST"}, {"FunctionName": f"{ARN}:$LATEST"}]
    shown = [configuration(house, **request)["FunctionArn"] for request in asked]
    assert shown == [ARN, f"{ARN}:$LATEST", f"{ARN}:$LATEST"]
    assert house.call("GetFunction", FunctionName="f")["Configuration"] == configuration(house)


def test_deleting_removes_the_function_and_its_bytes(house: House) -> None:
    house.function("f", Publish=True, Tags={"a": "b"})
    assert house.call("DeleteFunction", FunctionName="f") == {"StatusCode": 204}
    missing = ("ResourceNotFoundException", 404, f"Function not found: {ARN}")
    assert refusal(house, "DeleteFunction", FunctionName="f") == missing
    assert refusal(house, "DeleteFunction", FunctionName="f", Qualifier="1233") == missing
    assert refusal(house, "DeleteFunction", FunctionName="f", Qualifier="$latest") == missing
    assert list(house.blobs.digests()) == list(house.trees.digests()) == []
    house.trees.open.clear()
    assert create(house)["State"] == "Pending"
    house.trees.open.set()
    house.settle()
    assert "Tags" not in house.call("GetFunction", FunctionName="f")


def test_deleting_a_version_deletes_only_that_one_and_again_is_fine(house: House) -> None:
    house.function("f", Publish=True)
    for _ in range(2):
        assert house.call("DeleteFunction", FunctionName="f:1") == {"StatusCode": 204}
    assert [item["Version"] for item in house.call("ListFunctions", FunctionVersion="ALL")["Functions"]] == ["$LATEST"]


def test_latest_and_aliases_cannot_be_deleted_even_of_no_function(house: House) -> None:
    latest = refusal(house, "DeleteFunction", FunctionName=f"{ARN}:$LATEST")
    assert latest[1:] == (400, "$LATEST version cannot be deleted without deleting the function.")
    alias = refusal(house, "DeleteFunction", FunctionName="f", Qualifier="live")
    assert alias[1:] == (400, "Deletion of aliases is not currently supported.")


def test_functions_are_listed_in_pages_without_their_state(house: House) -> None:
    for name in ("c", "a", "b"):
        house.function(name)
    first = house.call("ListFunctions", MaxItems=2)
    rest = house.call("ListFunctions", MaxItems=2, Marker=first["NextMarker"])
    assert [item["FunctionName"] for item in first["Functions"] + rest["Functions"]] == ["a", "b", "c"]
    assert "NextMarker" not in rest
    full = configuration(house, FunctionName="c")
    absent = {"State", "LastUpdateStatus", "RuntimeVersionConfig"}
    assert rest["Functions"] == [{name: value for name, value in full.items() if name not in absent}]


def test_every_version_is_listed_qualified(house: House) -> None:
    house.function("f", Publish=True)
    house.function("g")
    first = house.call("ListFunctions", FunctionVersion="ALL", MaxItems=2)
    rest = house.call("ListFunctions", FunctionVersion="ALL", Marker=first["NextMarker"])
    shown = [(item["FunctionArn"], item["Version"]) for item in first["Functions"] + rest["Functions"]]
    assert shown == [(f"{ARN}:$LATEST", "$LATEST"), (f"{ARN}:1", "1"), (f"{ARN[:-1]}g:$LATEST", "$LATEST")]


def test_tags_come_with_get_function_only_when_there_are_some(house: House) -> None:
    assert "Tags" not in create(house, Tags={"team": "a"})
    assert house.call("GetFunction", FunctionName="f")["Tags"] == {"team": "a"}
    house.function("g", Tags={})
    assert "Tags" not in house.call("GetFunction", FunctionName="g")


def test_image_code_for_a_zip_function_is_refused_in_aws_words(house: House) -> None:
    house.function("f")
    answer = refusal(house, "UpdateFunctionCode", FunctionName="f", ImageUri="repository:latest")
    assert answer[2] == "Please don't provide ImageUri when updating a function with packageType Zip."
    missing = refusal(house, "UpdateFunctionCode", FunctionName="nothing", ImageUri="repository:latest")
    assert missing[1] == 404


def test_the_catalog_says_who_is_still_waiting_and_a_new_server_takes_it_up(house: House) -> None:
    """As after kill -9: the first server's threads never finish."""
    house.trees.open.clear()
    create(house)
    successor = House(catalog=house.catalog, blobs=house.blobs)
    successor.activations.resume()
    successor.settle()
    assert configuration(successor)["State"] == "Active"
    house.trees.open.set()
    house.activations.close()
    assert configuration(successor)["State"] == "Active"
    successor.activations.close()


def test_a_function_deleted_while_it_is_activated_leaves_no_bytes(house: House) -> None:
    house.trees.open.clear()
    create(house)
    with house.catalog.reading() as transaction:
        [version] = transaction.functions.unsettled()
    waiting = house.activations.start(version)
    house.call("DeleteFunction", FunctionName="f")
    house.trees.open.set()
    assert waiting.result(30) is None
    assert list(house.blobs.digests()) == list(house.trees.digests()) == []
