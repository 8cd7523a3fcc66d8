"""Settings that name things of other AWS services: what is refused, what is kept, how it is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.functions.configuring import configured
from lamina.functions.describing import describe
from lamina.functions.elsewhere import FileSystem, Image, Vpc
from lamina.functions.versions import SETTLED, Configuration, FunctionVersion
from lamina.layers.versions import StoredArchive
from lamina.names import Digest, FunctionArn, Scope

BARE = Configuration("python3.12", "app.handler", "arn:aws:iam::123456789012:role/r")
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:q"
ACCESS_POINT = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0"
ATTACHED = {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}
MOUNTED = {"FileSystemConfigs": [{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/data"}]}
SNAP_START = {"SnapStart": {"ApplyOn": "PublishedVersions"}}


def after(*requests: dict[str, Any], before: Configuration = BARE) -> Configuration:
    for request in requests:
        before = configured(before, request, None)
    return before


def shown(configuration: Configuration) -> dict[str, Any]:
    code = StoredArchive(Digest.of(b""), 0, 0)
    arn = FunctionArn(Scope("123456789012", "eu-west-1"), "f")
    return describe(FunctionVersion(arn, "$LATEST", configuration, code, SETTLED, "r", "now"), arn)


def refusal(*requests: dict[str, Any], before: Configuration = BARE) -> str:
    with pytest.raises(ApiError) as caught:
        after(*requests, before=before)
    assert (caught.value.code, caught.value.status) == ("InvalidParameterValueException", 400)
    return str(caught.value.message)


def test_5_7_a_vpc_is_shown_and_detaching_leaves_the_member_empty() -> None:
    assert "VpcConfig" not in shown(after({"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}}))
    assert shown(after(ATTACHED))["VpcConfig"] == {
        "Ipv6AllowedForDualStack": False,
        "SecurityGroupIds": ["sg-1"],
        "SubnetIds": ["subnet-1"],
        "VpcId": "",
    }
    detached = after(ATTACHED, {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}})
    assert shown(detached)["VpcConfig"] == {
        "Ipv6AllowedForDualStack": False,
        "SecurityGroupIds": [],
        "SubnetIds": [],
        "VpcId": "",
    }


@pytest.mark.parametrize("half", [{"SubnetIds": ["subnet-1"]}, {"SecurityGroupIds": ["sg-1"], "SubnetIds": []}])
def test_5_7_half_a_vpc_is_refused(half: dict[str, Any]) -> None:
    assert refusal({"VpcConfig": half}) == "SubnetIds and SecurityIds must coexist or be both empty list."


def test_5_11_an_empty_dead_letter_config_changes_nothing_and_an_empty_target_takes_it_away() -> None:
    some = after({"DeadLetterConfig": {"TargetArn": QUEUE}})
    assert shown(some)["DeadLetterConfig"] == {"TargetArn": QUEUE}
    assert after({"DeadLetterConfig": {}}, before=some) == some
    assert after({"DeadLetterConfig": {"TargetArn": ""}}, before=some) == BARE


@pytest.mark.parametrize("arn", ["arn:aws:s3:::bucket", "arn:aws:lambda:eu-west-1:123456789012:function:f"])
def test_5_11_only_queues_and_topics_take_dead_letters(arn: str) -> None:
    assert "queue" in refusal({"DeadLetterConfig": {"TargetArn": arn}})


def test_5_11_keys_and_tracing_are_shown_and_taken_away() -> None:
    some = after({"KMSKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/k", "TracingConfig": {"Mode": "Active"}})
    assert shown(some)["KMSKeyArn"] == "arn:aws:kms:eu-west-1:123456789012:key/k"
    assert shown(some)["TracingConfig"] == {"Mode": "Active"}
    assert after({"KMSKeyArn": "", "TracingConfig": {"Mode": "PassThrough"}}, before=some) == BARE


def test_3_1_a_file_system_needs_a_network_to_be_reached_by() -> None:
    assert after(ATTACHED | MOUNTED).file_systems == (FileSystem(ACCESS_POINT, "/mnt/data"),)
    assert shown(after(ATTACHED | MOUNTED))["FileSystemConfigs"] == MOUNTED["FileSystemConfigs"]
    assert "FileSystemConfigs" not in shown(after(ATTACHED | MOUNTED, {"FileSystemConfigs": []}))
    words = "Function must be configured to execute in a VPC to reference access points."
    assert refusal(MOUNTED) == words
    assert refusal(ATTACHED | MOUNTED, {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}}) == words


def test_5_9_snap_start_is_shown_at_once_and_off() -> None:
    some = after(SNAP_START)
    assert shown(some)["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    assert after({"SnapStart": {"ApplyOn": "None"}}, before=some) == BARE


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs22.x", "ruby3.4", "provided.al2023"])
def test_5_9_runtimes_without_snap_start_are_refused(runtime: str) -> None:
    words = f"{runtime} is not supported for SnapStart enabled functions."
    assert refusal(SNAP_START, before=replace(BARE, runtime=runtime)) == words
    assert refusal({"Runtime": runtime}, before=after(SNAP_START)) == words


@pytest.mark.parametrize("runtime", ["java21", "dotnet8"])
def test_5_9_runtimes_that_cannot_be_forked_are_refused_by_name(runtime: str) -> None:
    said = refusal(SNAP_START, before=replace(BARE, runtime=runtime))
    assert said.startswith(f"Lamina does not support SnapStart of {runtime}: ")


def test_5_9_snap_start_has_no_large_storage_and_no_file_system() -> None:
    assert "ephemeral storage" in refusal(SNAP_START | {"EphemeralStorage": {"Size": 513}})
    assert "EFS" in refusal(SNAP_START | ATTACHED | MOUNTED)


def test_5_8_an_image_is_described_without_a_runtime_and_its_configuration_is_replaced_whole() -> None:
    image = replace(BARE, runtime="", handler="", image=Image("repository:latest"))
    members = shown(image)
    assert members["PackageType"] == "Image"
    assert members["CodeSha256"] == Digest.of(b"").hex
    assert not {"Runtime", "Handler", "RuntimeVersionConfig", "ImageConfigResponse"} & members.keys()
    some = after({"ImageConfig": {"EntryPoint": ["a"], "Command": ["b", "c"]}}, before=image)
    assert shown(some)["ImageConfigResponse"] == {"ImageConfig": {"EntryPoint": ["a"], "Command": ["b", "c"]}}
    other = after({"ImageConfig": {"WorkingDirectory": "/w"}}, before=some)
    assert shown(other)["ImageConfigResponse"] == {"ImageConfig": {"WorkingDirectory": "/w"}}
    assert after({"ImageConfig": {}}, before=other) == image


def test_attaching_is_told_from_having_been_attached() -> None:
    assert Vpc(("subnet-1",), ("sg-1",)).attached
    assert not Vpc().attached
