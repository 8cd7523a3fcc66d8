"""What a request makes of a configuration, and what it is refused for."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.functions.configuring import check_create, check_update, configured
from lamina.functions.versions import Configuration, Logging
from lamina.layers.attaching import AttachedLayer
from lamina.layers.versions import StoredArchive
from lamina.names import Digest, LayerArn, Scope

BARE = Configuration("python3.12", "app.handler", "role")
REQUEST: dict[str, Any] = {"Runtime": "python3.12", "Handler": "app.handler", "Role": "role", "Code": {"ZipFile": b""}}
SORRY = "Lambda was unable to configure your environment variables because the environment variables you have provided"


def refusal(**changes: Any) -> str:
    """The message that both a create and an update with *changes* are refused with."""
    with pytest.raises(ApiError) as created:
        check_create(REQUEST | changes)
    with pytest.raises(ApiError) as updated:
        check_update(changes)
    assert (created.value.code, created.value.message) == (updated.value.code, updated.value.message)
    return created.value.message


@pytest.mark.parametrize(
    "runtime",
    ["java8", "go1.x", "provided", "ruby2.7", "nodejs14.x", "python3.7", "dotnetcore3.1", "nodejs12.x", "python3.6"],
)
def test_retired_runtimes_are_refused_in_words_of_their_own(runtime: str) -> None:
    assert refusal(Runtime=runtime) == (
        f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
        "We recommend you use a supported runtime while creating or updating functions."
    )


@pytest.mark.parametrize("runtime", ["python3.8", "python3.14", "python3.15", "nodejs16.x", "dotnet6", "provided.al2"])
def test_runtimes_may_be_named_whether_or_not_they_are_installed(runtime: str) -> None:
    check_create(REQUEST | {"Runtime": runtime})


def test_runtime_and_handler_are_mandatory_for_archives() -> None:
    for missing in ("Runtime", "Handler"):
        request = {name: value for name, value in REQUEST.items() if name != missing}
        with pytest.raises(ApiError, match="Runtime and Handler are mandatory parameters for functions created with"):
            check_create(request)


def test_variables_of_exactly_4096_bytes_of_compact_json_fit() -> None:
    fitting = {"SMALL_VAR": "ok", "LARGE_VAR": "x" * (4096 - len('{"SMALL_VAR":"ok","LARGE_VAR":""}'))}
    check_update({"Environment": {"Variables": fitting}})
    larger = fitting | {"LARGE_VAR": fitting["LARGE_VAR"] + "x"}
    measured = json.dumps(larger, separators=(",", ":"))
    assert len(measured) == 4097
    assert refusal(Environment={"Variables": larger}) == f"{SORRY} exceeded the 4KB limit. String measured: {measured}"


def test_variables_are_measured_in_bytes_not_in_characters() -> None:
    check_update({"Environment": {"Variables": {"A": "ü" * 2044}}})
    assert "4KB limit" in refusal(Environment={"Variables": {"A": "ü" * 2045}})


def test_reserved_variables_are_refused_by_name() -> None:
    assert refusal(Environment={"Variables": {"AWS_REGION": "x", "FINE": "y", "_HANDLER": "z"}}) == (
        f"{SORRY} contains reserved keys that are currently not supported for modification. "
        "Reserved keys used in this request: AWS_REGION, _HANDLER"
    )
    check_update({"Environment": {"Variables": {"PYTHONPATH": "/x", "TZ": "UTC", "AWS_LAMBDA_EXEC_WRAPPER": "/opt/w"}}})


def test_a_variable_that_no_process_can_be_given_is_refused() -> None:
    assert refusal(Environment={"Variables": {"A": "a\0b"}}) == f"{SORRY} contain a NUL character."


@pytest.mark.parametrize(
    ("changes", "path", "maximum"),
    [
        ({"Timeout": 901}, "timeout", 900),
        ({"MemorySize": 10_241}, "memorySize", 10_240),
        ({"EphemeralStorage": {"Size": 10_241}}, "ephemeralStorage.size", 10_240),
    ],
)
def test_limits_are_those_of_functions_not_of_managed_instances(
    changes: dict[str, Any], path: str, maximum: int
) -> None:
    assert refusal(**changes) == (
        f"1 validation error detected: Value '{maximum + 1}' at '{path}' failed to satisfy constraint: "
        f"Member must have value less than or equal to {maximum}"
    )


def test_more_than_fifty_tags_are_refused() -> None:
    check_create(REQUEST | {"Tags": {str(number): "" for number in range(50)}})
    with pytest.raises(ApiError, match="Number of tags exceeds resource tag limit."):
        check_create(REQUEST | {"Tags": {str(number): "" for number in range(51)}})


@pytest.mark.parametrize(
    "setting",
    [
        {"CapacityProviderConfig": {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": "arn"}}},
        {"DurableConfig": {"ExecutionTimeout": 60}},
        {"RuntimeConfig": {"RuntimeArn": "arn", "RuntimeAlias": "a"}},
        {"AcceleratorConfig": {"AcceleratorMemorySize": 16}},
    ],
)
def test_what_lamina_does_not_have_is_refused_by_name_not_ignored(setting: dict[str, Any]) -> None:
    [name] = setting
    assert refusal(**setting).startswith(f"Lamina does not support {name}: ")


@pytest.mark.parametrize(
    "setting",
    [
        {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}},
        {"PublishTo": "LATEST_PUBLISHED"},
        {"Code": {"ZipFile": b"", "SourceKMSKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/k"}},
        {"Code": {"S3Bucket": "b", "S3Key": "k", "S3ObjectStorageMode": "REFERENCE"}},
    ],
)
def test_what_only_a_create_can_ask_for_is_refused_too(setting: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="Lamina does not support"):
        check_create(REQUEST | setting)


@pytest.mark.parametrize(
    "setting",
    [
        {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}},
        {"FileSystemConfigs": []},
        {"DeadLetterConfig": {}},
        {"DeadLetterConfig": {"TargetArn": ""}},
        {"KMSKeyArn": ""},
        {"TracingConfig": {"Mode": "PassThrough"}},
        {"SnapStart": {"ApplyOn": "None"}},
        {"ImageConfig": {}},
        {"PackageType": "Zip"},
    ],
)
def test_asking_for_nothing_of_the_kind_is_fine(setting: dict[str, Any]) -> None:
    check_create(REQUEST | setting)


def test_only_members_that_are_sent_change_anything() -> None:
    before = replace(BARE, description="d", timeout_s=9, environment=(("A", "1"),), logging=Logging(group="g"))
    assert configured(before, {}, None) == before
    after = configured(before, {"Timeout": 3, "MemorySize": 256, "EphemeralStorage": {"Size": 1024}}, None)
    assert after == replace(before, timeout_s=3, memory_mb=256, storage_mb=1024)
    assert configured(before, {"Description": ""}, None).description == ""


def test_the_environment_is_replaced_whole_and_an_empty_one_differs_from_none() -> None:
    assert BARE.environment is None
    some = configured(BARE, {"Environment": {"Variables": {"B": "2", "A": "1"}}}, None)
    assert some.environment == (("B", "2"), ("A", "1"))
    assert configured(some, {"Environment": {"Variables": {"C": "3"}}}, None).environment == (("C", "3"),)
    assert configured(some, {"Environment": {"Variables": {}}}, None).environment == ()
    assert configured(some, {"Environment": {}}, None).environment == ()


def test_layers_are_replaced_whole_or_not_at_all() -> None:
    layer = AttachedLayer(
        LayerArn(Scope("123456789012", "eu-west-1"), "a").version(1), StoredArchive(Digest.of(b""), 1, 1)
    )
    some = configured(BARE, {}, (layer,))
    assert some.layers == (layer,)
    assert configured(some, {"Timeout": 5}, None).layers == (layer,)
    assert configured(some, {}, ()).layers == ()


@pytest.mark.parametrize(
    ("before", "sent", "after"),
    [
        (Logging(), {"LogFormat": "JSON"}, Logging("JSON", None, "INFO", "INFO")),
        (Logging(), {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"}, Logging("JSON", None, "DEBUG", "INFO")),
        (Logging(), {"LogFormat": "JSON", "SystemLogLevel": "DEBUG"}, Logging("JSON", None, "INFO", "DEBUG")),
        (Logging(), {"LogGroup": "cool_lambda"}, Logging("Text", "cool_lambda")),
        (Logging("JSON", None, "DEBUG", "WARN"), {"LogFormat": "Text"}, Logging()),
        (Logging("JSON", None, "DEBUG", "WARN"), {"LogGroup": "g"}, Logging("JSON", "g", "DEBUG", "WARN")),
        (Logging("JSON", "g", "DEBUG", "WARN"), {"SystemLogLevel": "INFO"}, Logging("JSON", "g", "DEBUG", "INFO")),
    ],
)
def test_log_levels_exist_exactly_with_json(before: Logging, sent: dict[str, str], after: Logging) -> None:
    assert configured(replace(BARE, logging=before), {"LoggingConfig": sent}, None).logging == after


def test_log_levels_with_text_are_refused() -> None:
    for sent in ({"ApplicationLogLevel": "INFO"}, {"LogFormat": "Text", "SystemLogLevel": "INFO"}):
        with pytest.raises(ApiError, match='LogLevel is not supported when LogFormat is set to "Text"'):
            configured(BARE, {"LoggingConfig": sent}, None)
