"""Layers over HTTP: published, read, listed, deleted, attached. Numbers are sections of the layers' digest."""

from __future__ import annotations

import base64
import hashlib
import threading
import urllib.request
from typing import Any

import pytest

from tests.support import zips
from tests.support.functions import archive, unique, wait_until
from tests.support.refusals import invalid, not_found, refusal, violation
from tests.support.runtimes import NEWEST
from tests.support.server import ACCOUNT, REGION, ROLE, Server

pytestmark = pytest.mark.anybody

ZIP = zips.of({"python/x.py": b"x = 1"})
CREATABLE = (
    "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, "
    "java11, dotnet6, nodejs18.x, provided.al2, java8.al2"
)
RETIRED = ["nodejs12.x", "nodejs14.x", "python3.7", "java8", "dotnetcore3.1", "go1.x", "ruby2.7", "provided"]
VERSION_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:"
    r"[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)"
)
BELOW_1 = invalid("Layer Version Cannot be less than 1")
NOTHING = not_found("The resource you requested does not exist.")


@pytest.fixture(scope="module")
def client(shared_server: Server) -> Any:
    return shared_server.client(parameter_validation=False)


def arn(name: str, number: int | str = "") -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{name}" + (f":{number}" if number else "")


def publish(client: Any, name: str = "", **request: Any) -> Any:
    answer = client.publish_layer_version(LayerName=name or unique("layer"), Content={"ZipFile": ZIP}, **request)
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 201
    return answer


def test_2_what_publishing_answers(client: Any) -> None:
    name = unique("layer")
    answer = publish(client, name)
    content = answer.pop("Content")
    assert isinstance(answer.pop("CreatedDate"), str)
    assert answer == {"LayerArn": arn(name), "LayerVersionArn": arn(name, 1), "Description": "", "Version": 1}
    assert content.pop("CodeSha256") == base64.b64encode(hashlib.sha256(ZIP).digest()).decode()
    assert content.pop("CodeSize") == len(ZIP)
    with urllib.request.urlopen(content.pop("Location"), timeout=60) as download:
        assert download.read() == ZIP
    assert content == {}


def test_2_compatibility_is_echoed_as_it_was_given(client: Any) -> None:
    fifteen = [*RETIRED, *CREATABLE.split(", ")[:7]]
    given = publish(
        client,
        CompatibleRuntimes=fifteen,
        CompatibleArchitectures=["arm64", "x86_64"],
        LicenseInfo="MIT",
        Description="d",
    )
    assert given["CompatibleRuntimes"] == fifteen
    assert given["CompatibleArchitectures"] == ["arm64", "x86_64"]
    assert (given["LicenseInfo"], given["Description"]) == ("MIT", "d")
    empty = publish(client, CompatibleRuntimes=[], CompatibleArchitectures=[])
    assert (empty["CompatibleRuntimes"], empty["CompatibleArchitectures"]) == ([], [])


def test_2_versions_count_up_and_never_back(client: Any) -> None:
    name = unique("layer")
    assert [publish(client, name)["Version"] for _ in range(2)] == [1, 2]
    for number in (1, 2):
        client.delete_layer_version(LayerName=name, VersionNumber=number)
    assert publish(client, name)["Version"] == 3


def test_2_concurrent_publishers_get_consecutive_versions(client: Any) -> None:
    name, start, got = unique("layer"), threading.Barrier(12), []

    def work() -> None:
        start.wait(30)
        got.append(publish(client, name)["Version"])

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(1, 13))


def test_2_what_is_not_compatible_with_anything(client: Any) -> None:
    def told(runtimes: list[str], architectures: list[str]) -> tuple[int, str, str]:
        sentence = (
            f"2 validation errors detected: Value '[{', '.join(runtimes)}]' at 'compatibleRuntimes' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{CREATABLE}]; "
            f"Value '[{', '.join(architectures)}]' at 'compatibleArchitectures' failed to satisfy constraint: "
            "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], "
            "Member must not be null]"
        )
        return 400, "ValidationException", sentence

    for runtimes, architectures in (
        (["invalidruntime"], ["invalidarch"]),
        (["invalidruntime", "invalidruntime2", "nodejs20.x"], ["invalidarch", "x86_64"]),
    ):
        request = {"CompatibleRuntimes": runtimes, "CompatibleArchitectures": architectures}
        refused = refusal(client.publish_layer_version, LayerName="x", Content={"ZipFile": ZIP}, **request)
        assert refused == told(runtimes, architectures)


def test_3_reading_by_name_by_arn_and_by_version_arn(client: Any) -> None:
    name = unique("layer")
    published = publish(client, name)
    read = [
        client.get_layer_version(LayerName=name, VersionNumber=1),
        client.get_layer_version(LayerName=arn(name), VersionNumber=1),
        client.get_layer_version_by_arn(Arn=arn(name, 1)),
    ]
    for answer in read:
        assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
        # It is signed anew each time.
        assert answer["Content"].pop("Location")
    published["Content"].pop("Location")
    assert read == [published] * 3


def test_3_what_cannot_be_read(client: Any) -> None:
    name = publish(client)["LayerArn"].rpartition(":")[2]
    for number in (0, -1):
        assert refusal(client.get_layer_version, LayerName=name, VersionNumber=number) == BELOW_1
    for missing in ({"LayerName": name, "VersionNumber": 2}, {"LayerName": unique(), "VersionNumber": 1}):
        assert refusal(client.get_layer_version, **missing) == NOTHING
    for missing_arn in (arn(name, 2), arn(unique(), 1)):
        assert refusal(client.get_layer_version_by_arn, Arn=missing_arn) == NOTHING
    assert refusal(client.get_layer_version_by_arn, Arn=arn(name)) == violation(
        f"'{arn(name)}'", "arn", f"Member must satisfy regular expression pattern: {VERSION_PATTERN}"
    )


def test_4_versions_are_listed_newest_first(client: Any) -> None:
    name = unique("layer")
    for number in range(3):
        publish(client, name, LicenseInfo=str(number))
    client.delete_layer_version(LayerName=name, VersionNumber=2)
    answer = client.list_layer_versions(LayerName=name)
    assert "NextMarker" not in answer
    assert [item["Version"] for item in answer["LayerVersions"]] == [3, 1]
    assert set(answer["LayerVersions"][0]) == {"LayerVersionArn", "Version", "CreatedDate", "LicenseInfo"}
    pages = client.get_paginator("list_layer_versions").paginate(LayerName=name, PaginationConfig={"PageSize": 1})
    assert [[item["Version"] for item in page["LayerVersions"]] for page in pages] == [[3], [1]]
    assert client.list_layer_versions(LayerName=unique())["LayerVersions"] == []


def test_4_layers_are_listed_with_their_newest_version_that_matches(shared_server: Server) -> None:
    client = shared_server.client(account="180000000018")
    for name, runtimes in (("b", ["python3.12"]), ("b", ["python3.13"]), ("a", ["python3.12", "nodejs22.x"])):
        publish(client, name, CompatibleRuntimes=runtimes, CompatibleArchitectures=["arm64"])

    def listed(**wanted: str) -> list[tuple[str, int]]:
        layers = client.list_layers(**wanted)["Layers"]
        return [(item["LayerName"], item["LatestMatchingVersion"]["Version"]) for item in layers]

    assert listed() == [("a", 1), ("b", 2)]
    assert listed(CompatibleRuntime="python3.12") == [("a", 1), ("b", 1)]
    assert listed(CompatibleRuntime="nodejs22.x", CompatibleArchitecture="arm64") == [("a", 1)]
    assert listed(CompatibleArchitecture="x86_64") == []
    pages = client.get_paginator("list_layers").paginate(PaginationConfig={"PageSize": 1})
    assert [page["Layers"][0]["LayerName"] for page in pages] == ["a", "b"]
    for name, number in (("a", 1), ("b", 1), ("b", 2)):
        client.delete_layer_version(LayerName=name, VersionNumber=number)
    assert listed() == []


def test_4_unknown_filters(client: Any) -> None:
    for call, more in ((client.list_layers, {}), (client.list_layer_versions, {"LayerName": "x"})):
        assert refusal(call, CompatibleArchitecture="archdoesnotexist", **more) == violation(
            "'archdoesnotexist'", "compatibleArchitecture", "Member must satisfy enum value set: [x86_64, arm64]"
        )
        code, kind, text = refusal(call, CompatibleRuntime="runtimedoesnotexist", **more)
        assert (code, kind) == (400, "ValidationException")
        assert text is not None
        assert (
            "at 'compatibleRuntime' failed to satisfy constraint: Member must satisfy enum value set: [ruby3.5" in text
        )


def test_5_deleting_succeeds_whether_or_not_it_is_there(client: Any) -> None:
    name = publish(client)["LayerArn"].rpartition(":")[2]
    for gone in ((name, 1), (name, 1), (name, 9), (unique(), 1)):
        answer = client.delete_layer_version(LayerName=gone[0], VersionNumber=gone[1])
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    for number in (0, -1):
        assert refusal(client.delete_layer_version, LayerName=name, VersionNumber=number) == BELOW_1


def create(client: Any, layers: list[str], **changes: Any) -> Any:
    request = {"FunctionName": unique(), "Runtime": NEWEST, "Handler": "index.handler", "Role": ROLE, **changes}
    answer = client.create_function(Code={"ZipFile": archive("x = 1")}, Layers=layers, **request)
    client.get_waiter("function_active_v2").wait(FunctionName=answer["FunctionName"], WaiterConfig={"Delay": 0.05})
    return answer


def test_7_layers_of_a_function_are_kept_in_order_and_replaced_whole(client: Any) -> None:
    arns = [publish(client)["LayerVersionArn"] for _ in range(5)]
    made = create(client, arns)
    assert made["Layers"] == [{"Arn": each, "CodeSize": len(ZIP)} for each in arns]
    name = made["FunctionName"]

    def update(layers: list[str]) -> Any:
        def settled() -> bool:
            return bool(client.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful")

        wait_until(settled, 30)
        return client.update_function_configuration(FunctionName=name, Layers=layers)

    answer = update([arns[2], arns[0]])
    assert [each["Arn"] for each in answer["Layers"]] == [arns[2], arns[0]]
    assert (answer["State"], answer["LastUpdateStatus"]) == ("Active", "InProgress")
    assert answer["CodeSha256"] == made["CodeSha256"]
    assert "Layers" not in update([])
    assert "Layers" not in client.get_function_configuration(FunctionName=name)


def test_7_layers_that_cannot_be_attached(client: Any) -> None:
    one, other = (publish(client)["LayerVersionArn"] for _ in range(2))
    second = publish(client, one.split(":")[6])["LayerVersionArn"]
    made = create(client, [])

    def refused(*layers: str) -> set[Any]:
        """How creating and updating refuse them: once, if both say the same."""
        update = refusal(client.update_function_configuration, FunctionName=made["FunctionName"], Layers=list(layers))
        request = {"Runtime": NEWEST, "Handler": "index.handler", "Role": ROLE, "Code": {"ZipFile": archive("x = 1")}}
        return {update, refusal(client.create_function, FunctionName=unique(), Layers=list(layers), **request)}

    clash = (
        "Two different versions of the same layer are not allowed to be referenced in the same function. "
        "{} and {} are versions of the same layer."
    )
    assert refused(*(arn(unique(), 1) for _ in range(6))) == {invalid("Cannot reference more than 5 layers.")}
    assert refused(one, second) == {invalid(clash.format(one, second))}
    assert refused(other, one, one) == {invalid(clash.format(one, one))}
    assert refused(arn("doesnotexist", 1)) == {invalid(f"Layer version {arn('doesnotexist', 1)} does not exist.")}
    listed = (
        "Member must have length less than or equal to 2048, Member must have length greater than or equal to 1, "
        f"Member must satisfy regular expression pattern: {VERSION_PATTERN}, Member must not be null"
    )
    assert refused(arn("x")) == {violation(f"'[{arn('x')}]'", "layers", f"Member must satisfy constraint: [{listed}]")}
    assert refused("") == {violation("'[]'", "layers", f"Member must satisfy constraint: [{listed}]")}


def test_10_what_is_no_zip_or_too_large(client: Any) -> None:
    def refused(content: bytes) -> tuple[int, str, str | None]:
        return refusal(client.publish_layer_version, LayerName="x", Content={"ZipFile": content})

    assert refused(b"no zip") == invalid(
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    )
    assert refused(b"\0" * 52_428_801) == (
        413,
        "RequestEntityTooLargeException",
        "Zipped size must be smaller than 52428800 bytes",
    )
