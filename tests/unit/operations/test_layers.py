"""The layer operations, called as the gateway calls them."""

from __future__ import annotations

from threading import Thread

import pytest

from lamina.errors import ApiError
from lamina.names import Digest, Scope

from .house import House, zipped

PREFIX = "arn:aws:lambda:eu-west-1:123456789012:layer"
OTHER = Scope("210987654321", "eu-west-1")
GONE = ("ResourceNotFoundException", 404, "The resource you requested does not exist.")


def refused(error: pytest.ExceptionInfo[ApiError]) -> tuple[str, int, str]:
    return error.value.code, error.value.status, error.value.message


def test_publishing_answers_everything_and_the_location_downloads_the_very_bytes(house: House) -> None:
    data = zipped(file="content")
    output = house.call("PublishLayerVersion", LayerName="base", Content={"ZipFile": data}, CompatibleRuntimes=[])
    location = output["Content"].pop("Location")
    assert output == {
        "Content": {"CodeSha256": Digest.of(data).base64, "CodeSize": len(data)},
        "LayerArn": f"{PREFIX}:base",
        "LayerVersionArn": f"{PREFIX}:base:1",
        "Description": "",
        "CreatedDate": "2026-01-02T03:04:05.678+0000",
        "Version": 1,
        "CompatibleRuntimes": [],
    }
    download = house.download(location)
    assert (download.status, download.length, b"".join(download.chunks)) == (200, len(data), data)


def test_reading_answers_what_publishing_did_by_name_by_arn_and_by_version_arn(house: House) -> None:
    published = house.call(
        "PublishLayerVersion",
        LayerName=f"{PREFIX}:base",
        Content={"ZipFile": zipped(file="x")},
        Description="d",
        LicenseInfo="MIT",
        CompatibleRuntimes=["python3.12"],
        CompatibleArchitectures=["arm64", "x86_64"],
    )
    assert house.call("GetLayerVersion", LayerName="base", VersionNumber=1) == published
    assert house.call("GetLayerVersion", LayerName=f"{PREFIX}:base", VersionNumber=1) == published
    assert house.call("GetLayerVersionByArn", Arn=f"{PREFIX}:base:1") == published


def test_the_same_bytes_again_are_the_next_version(house: House) -> None:
    assert [house.layer("base"), house.layer("base")] == [f"{PREFIX}:base:1", f"{PREFIX}:base:2"]
    assert len(list(house.blobs.digests())) == 1


@pytest.mark.parametrize("number", [0, -1])
def test_a_version_below_one_is_refused(house: House, number: int) -> None:
    for operation in ("GetLayerVersion", "DeleteLayerVersion"):
        with pytest.raises(ApiError) as error:
            house.call(operation, LayerName="base", VersionNumber=number)
        assert refused(error) == ("InvalidParameterValueException", 400, "Layer Version Cannot be less than 1")


def test_what_does_not_exist_is_not_found(house: House) -> None:
    house.layer("base")
    for number, name in ((2, "base"), (1, "other"), (10**30, "base")):
        with pytest.raises(ApiError) as error:
            house.call("GetLayerVersion", LayerName=name, VersionNumber=number)
        assert refused(error) == GONE
    for arn in (
        f"{PREFIX}:base:2",
        "arn:aws:lambda:::awslayer:AmazonLinux2",
        f"{PREFIX}:base:1".replace("eu-west-1", "us-east-1"),
    ):
        with pytest.raises(ApiError) as error:
            house.call("GetLayerVersionByArn", Arn=arn)
        assert refused(error) == GONE


def test_deleting_is_always_fine_and_numbers_go_on(house: House) -> None:
    house.layer("base")
    for _ in range(2):
        assert house.call("DeleteLayerVersion", LayerName="base", VersionNumber=1) == {}
    assert house.call("DeleteLayerVersion", LayerName="unknown", VersionNumber=7) == {}
    assert house.call("ListLayerVersions", LayerName="base") == {"LayerVersions": []}
    assert house.layer("base").endswith(":2")


def test_a_deleted_version_takes_its_bytes_along_unless_another_has_the_same(house: House) -> None:
    house.layer("base", "same")
    house.layer("copy", "same")
    house.call("DeleteLayerVersion", LayerName="base", VersionNumber=1)
    assert len(list(house.blobs.digests())) == 1
    house.call("DeleteLayerVersion", LayerName="copy", VersionNumber=1)
    assert list(house.blobs.digests()) == []


@pytest.mark.parametrize(
    ("operation", "request_", "action", "resource"),
    [
        ("GetLayerVersion", {"VersionNumber": 1}, "GetLayerVersion", f"{PREFIX}:base:1"),
        ("ListLayerVersions", {}, "ListLayerVersions", f"{PREFIX}:base"),
        ("DeleteLayerVersion", {"VersionNumber": 1}, "DeleteLayerVersion", f"{PREFIX}:base"),
        ("PublishLayerVersion", {"Content": {"ZipFile": b""}}, "PublishLayerVersion", f"{PREFIX}:base"),
    ],
)
def test_another_account_may_do_nothing(
    house: House, operation: str, request_: dict[str, object], action: str, resource: str
) -> None:
    house.layer("base")
    with pytest.raises(ApiError) as error:
        house.call(operation, scope=OTHER, LayerName=f"{PREFIX}:base", **request_)
    sentence = (
        f"User: arn:aws:iam::210987654321:root is not authorized to perform: lambda:{action} on resource: {resource} "
        f"because no resource-based policy allows the lambda:{action} action"
    )
    assert refused(error) == ("AccessDeniedException", 403, sentence)


def test_versions_are_listed_newest_first_in_pages(house: House) -> None:
    for _ in range(3):
        house.layer("base", Description="d")
    first = house.call("ListLayerVersions", LayerName="base", MaxItems=2)
    rest = house.call("ListLayerVersions", LayerName="base", MaxItems=2, Marker=first["NextMarker"])
    assert [item["Version"] for item in first["LayerVersions"] + rest["LayerVersions"]] == [3, 2, 1]
    assert "NextMarker" not in rest
    assert rest["LayerVersions"] == [
        {
            "LayerVersionArn": f"{PREFIX}:base:1",
            "Version": 1,
            "Description": "d",
            "CreatedDate": "2026-01-02T03:04:05.678+0000",
        }
    ]


def test_layers_are_listed_with_their_latest_matching_version(house: House) -> None:
    house.layer("b", CompatibleRuntimes=["python3.12"])
    house.layer("b")
    house.layer("a")
    first = house.call("ListLayers", MaxItems=1)
    rest = house.call("ListLayers", MaxItems=1, Marker=first["NextMarker"])
    shown = [(item["LayerName"], item["LatestMatchingVersion"]["Version"]) for item in first["Layers"] + rest["Layers"]]
    assert shown == [("a", 1), ("b", 2)]
    assert "NextMarker" not in rest
    assert "Description" not in first["Layers"][0]["LatestMatchingVersion"]
    [matching] = house.call("ListLayers", CompatibleRuntime="python3.12")["Layers"]
    assert (matching["LayerArn"], matching["LatestMatchingVersion"]["Version"]) == (f"{PREFIX}:b", 1)


def test_a_marker_that_was_not_given_out_for_this_list_is_refused(house: House) -> None:
    for _ in range(3):
        house.layer("base")
    marker = house.call("ListLayerVersions", LayerName="base", MaxItems=1)["NextMarker"]
    for made_up in ("made up", "AAAA", "ünï", marker[:-4] + "AAAA", marker + "AAAA"):
        with pytest.raises(ApiError, match="InvalidParameterValueException: Invalid Marker"):
            house.call("ListLayerVersions", LayerName="base", Marker=made_up)
    with pytest.raises(ApiError, match="Invalid Marker"):
        house.call("ListLayerVersions", LayerName="other", Marker=marker)
    with pytest.raises(ApiError, match="Invalid Marker"):
        house.call("ListLayerVersions", LayerName="base", CompatibleRuntime="python3.12", Marker=marker)
    with pytest.raises(ApiError, match="Invalid Marker"):
        house.call("ListLayers", Marker=marker)


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (
            {"ZipFile": b"no zip"},
            400,
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
        ({"ZipFile": bytes(52_428_801)}, 413, "Zipped size must be smaller than 52428800 bytes"),
        ({}, 400, "Please provide a source for layer content."),
        ({"S3Bucket": "b"}, 400, "Please provide a source for layer content."),
    ],
)
def test_a_refused_archive_changes_nothing(house: House, content: dict[str, bytes], status: int, message: str) -> None:
    with pytest.raises(ApiError) as error:
        house.call("PublishLayerVersion", LayerName="base", Content=content)
    assert (error.value.status, error.value.message) == (status, message)
    assert list(house.blobs.digests()) == []
    assert house.layer("base").endswith(":1")


def test_publishers_at_the_same_time_get_consecutive_versions_and_keep_their_bytes(house: House) -> None:
    """Half of them publish bytes that somebody else deletes at the same time."""
    arns: list[str] = []

    def publish(index: int) -> None:
        arns.append(house.layer("base", f"content {index % 4}"))

    def publish_and_delete(index: int) -> None:
        arn = house.layer("short", f"content {index % 4}")
        house.call("DeleteLayerVersion", LayerName="short", VersionNumber=int(arn.rsplit(":", 1)[1]))

    threads = [Thread(target=work, args=(index,)) for index in range(16) for work in (publish, publish_and_delete)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(arns, key=lambda arn: int(arn.rsplit(":", 1)[1])) == [f"{PREFIX}:base:{n}" for n in range(1, 17)]
    for number in range(1, 17):
        version = house.call("GetLayerVersion", LayerName="base", VersionNumber=number)
        assert house.download(version["Content"]["Location"]).status == 200
