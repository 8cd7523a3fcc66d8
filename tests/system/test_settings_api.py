"""Recursion, runtime management, account settings, code signing, event sources, images, over HTTP.

The numbers in the names are sections of the recorded behaviour of AWS; what has none follows AWS's documentation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import zips
from tests.support.functions import Function, archive, client_of, create, layer, unique, wait_until
from tests.support.refusals import conflict, invalid, not_found, refusal, violation
from tests.support.server import ACCOUNT, REGION, ROLE, Server

pytestmark = pytest.mark.anybody

ECHO = "def handler(event, context): return event"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"
STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"
PROFILE = f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/p/0123456789"


def arn(name: str, qualifier: str = "") -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" + (qualifier and f":{qualifier}")


@pytest.fixture
def function(shared_server: Server) -> Iterator[Function]:
    made = create(shared_server, ECHO)
    yield made
    made.client.delete_function(FunctionName=made.name)


def bare(answer: Any) -> Any:
    answer.pop("ResponseMetadata")
    return answer


def test_18_recursion_is_terminated_unless_it_is_allowed(function: Function) -> None:
    client, named = function.client, {"FunctionName": function.name}
    assert bare(client.get_function_recursion_config(**named)) == {"RecursiveLoop": "Terminate"}
    assert bare(client.put_function_recursion_config(RecursiveLoop="Allow", **named)) == {"RecursiveLoop": "Allow"}
    assert bare(client.get_function_recursion_config(**named)) == {"RecursiveLoop": "Allow"}
    assert refusal(client.put_function_recursion_config, RecursiveLoop="InvalidValue", **named) == violation(
        "'InvalidValue'", "recursiveLoop", "Member must satisfy enum value set: [Terminate, Allow]"
    )
    missing = refusal(client.get_function_recursion_config, FunctionName="missing")
    assert missing == not_found(f"Function not found: {arn('missing')}")


def test_18_runtime_management_belongs_to_a_version(function: Function) -> None:
    client, named = function.client, {"FunctionName": function.name}
    offered = client.get_function_configuration(**named)["RuntimeVersionConfig"]["RuntimeVersionArn"]
    auto = {"UpdateRuntimeOn": "Auto", "FunctionArn": arn(function.name, "$LATEST")}
    assert bare(client.get_runtime_management_config(**named)) == auto
    manual = {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": offered}
    put = bare(client.put_runtime_management_config(**manual, **named))
    assert put == {**manual, "FunctionArn": arn(function.name, "$LATEST")}
    assert bare(client.get_runtime_management_config(Qualifier="$LATEST", **named)) == put
    without = refusal(client.put_runtime_management_config, UpdateRuntimeOn="Manual", **named)
    assert without == invalid("RuntimeVersionArn is required when UpdateRuntimeOn is Manual.")
    other = refusal(
        client.put_runtime_management_config,
        UpdateRuntimeOn="Manual",
        RuntimeVersionArn=f"arn:aws:lambda:{REGION}::runtime:{'0' * 64}",
        **named,
    )
    assert other[:2] == (400, "InvalidParameterValueException")
    client.put_runtime_management_config(UpdateRuntimeOn="FunctionUpdate", **named)
    assert client.get_runtime_management_config(**named)["UpdateRuntimeOn"] == "FunctionUpdate"


def test_18_account_settings_count_every_stored_copy(shared_server: Server) -> None:
    client = shared_server.client(account="181818181818")

    def usage() -> Any:
        return client.get_account_settings()["AccountUsage"]

    assert client.get_account_settings()["AccountLimit"] == {
        "TotalCodeSize": 80530636800,
        "CodeSizeUnzipped": 262144000,
        "CodeSizeZipped": 52428800,
        "ConcurrentExecutions": 1000,
        "UnreservedConcurrentExecutions": 1000,
    }
    assert usage() == {"TotalCodeSize": 0, "FunctionCount": 0}
    code = archive(ECHO)
    function = Function(shared_server, client, unique())
    role = ROLE.replace(ACCOUNT, "181818181818")
    client.create_function(
        FunctionName=function.name, Runtime="python3.12", Handler="index.handler", Role=role, Code={"ZipFile": code}
    )
    assert usage() == {"TotalCodeSize": len(code), "FunctionCount": 1}
    wait_until(lambda: function.settled, 30)
    client.update_function_code(FunctionName=function.name, ZipFile=code, Publish=True)
    assert usage()["TotalCodeSize"] == 2 * len(code)
    function.update(Description="other")
    assert usage()["TotalCodeSize"] == 2 * len(code)
    wait_until(lambda: function.settled, 30)
    client.publish_version(FunctionName=function.name)
    assert usage()["TotalCodeSize"] == 3 * len(code)
    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=7)
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 993
    client.publish_layer_version(LayerName="l", Content={"ZipFile": code})
    assert usage()["TotalCodeSize"] == 4 * len(code)
    client.delete_layer_version(LayerName="l", VersionNumber=1)
    client.delete_function(FunctionName=function.name)
    assert usage() == {"TotalCodeSize": 0, "FunctionCount": 0}


def signing(client: Any, policy: str = "Warn", **request: Any) -> Any:
    answer = client.create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [PROFILE]},
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": policy},
        **request,
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    return answer["CodeSigningConfig"]


def test_code_signing_configurations_are_made_changed_listed_and_deleted(shared_server: Server) -> None:
    client = client_of(shared_server)
    made = signing(client, Description="d")
    assert made["CodeSigningConfigArn"].endswith(f":code-signing-config:{made['CodeSigningConfigId']}")
    named = {"CodeSigningConfigArn": made["CodeSigningConfigArn"]}
    assert client.get_code_signing_config(**named)["CodeSigningConfig"] == made
    changed = client.update_code_signing_config(
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"}, **named
    )["CodeSigningConfig"]
    assert changed["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Enforce"}
    assert (changed["Description"], changed["AllowedPublishers"]) == ("d", made["AllowedPublishers"])
    pages = client.get_paginator("list_code_signing_configs").paginate(PaginationConfig={"PageSize": 1})
    assert named["CodeSigningConfigArn"] in [
        each["CodeSigningConfigArn"] for page in pages for each in page["CodeSigningConfigs"]
    ]
    assert client.delete_code_signing_config(**named)["ResponseMetadata"]["HTTPStatusCode"] == 204
    gone = not_found(f"The Lambda code signing configuration {named['CodeSigningConfigArn']} can not be found.")
    for operation in ("get", "update", "delete"):
        assert refusal(getattr(client, f"{operation}_code_signing_config"), **named) == gone


def test_code_signing_that_warns_lets_archives_pass_and_one_that_enforces_does_not(function: Function) -> None:
    client, named = function.client, {"FunctionName": function.name}
    assert bare(client.get_function_code_signing_config(**named)) == {}
    warning, enforcing = signing(client), signing(client, "Enforce")
    config = {"CodeSigningConfigArn": warning["CodeSigningConfigArn"]}
    assert bare(client.put_function_code_signing_config(**config, **named)) == {**config, **named}
    assert bare(client.get_function_code_signing_config(**named)) == {**config, **named}
    users = client.list_functions_by_code_signing_config(**config)
    assert users["FunctionArns"] == [arn(function.name)]
    function.update_code(ECHO + " ")
    assert refusal(client.delete_code_signing_config, **config)[:2] == (409, "ResourceConflictException")

    client.put_function_code_signing_config(CodeSigningConfigArn=enforcing["CodeSigningConfigArn"], **named)
    wait_until(lambda: function.settled, 30)
    words = (
        "Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is "
        f"not configured to accept. Check the provided signature for {function.name}."
    )
    refused = 400, "CodeVerificationFailedException", words
    before = client.get_function_configuration(**named)
    assert refusal(client.update_function_code, ZipFile=archive(ECHO), **named) == refused
    unsigned = layer(function.server, {"python/m.py": b""})
    assert refusal(client.update_function_configuration, Layers=[unsigned], **named) == refused
    assert bare(client.get_function_configuration(**named)) == bare(before)
    name = unique()
    request = {"FunctionName": name, "Runtime": "python3.12", "Handler": "h.h", "Role": ROLE}
    created = refusal(
        client.create_function,
        Code={"ZipFile": archive(ECHO)},
        CodeSigningConfigArn=enforcing["CodeSigningConfigArn"],
        **request,
    )
    assert created == (400, "CodeVerificationFailedException", words.replace(function.name, name))
    assert refusal(client.get_function, FunctionName=name)[0] == 404

    client.delete_function_code_signing_config(**named)
    function.update_code(ECHO)
    missing = config["CodeSigningConfigArn"].rpartition(":")[0] + ":csc-" + "0" * 17
    put = refusal(client.put_function_code_signing_config, CodeSigningConfigArn=missing, **named)
    assert put[:2] == (404, "CodeSigningConfigNotFoundException")


def test_a_mapping_of_a_queue_is_kept_listed_changed_and_deleted(function: Function) -> None:
    client = function.client
    source = f"{QUEUE}-{function.name}"
    made = bare(client.create_event_source_mapping(FunctionName=function.name, EventSourceArn=source))
    assert made["State"] == "Creating"
    uuid = made["UUID"]
    found = bare(client.get_event_source_mapping(UUID=uuid))
    assert found == {**made, "State": "Enabled"}
    assert found["EventSourceMappingArn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:{uuid}"
    assert (found["FunctionArn"], found["BatchSize"]) == (arn(function.name), 10)
    assert (found["MaximumBatchingWindowInSeconds"], found["StateTransitionReason"]) == (0, "USER_INITIATED")
    for query in ({"FunctionName": function.name}, {"EventSourceArn": source}):
        assert [each["UUID"] for each in client.list_event_source_mappings(**query)["EventSourceMappings"]] == [uuid]
    again = refusal(client.create_event_source_mapping, FunctionName=function.name, EventSourceArn=source)
    assert again == conflict(
        f'The event source arn (" {source} ") and function (" {function.name} ") provided mapping already exists. '
        f"Please update or delete the existing mapping with UUID {uuid}"
    )
    changed = client.update_event_source_mapping(UUID=uuid, BatchSize=5, Enabled=False)
    assert (changed["ResponseMetadata"]["HTTPStatusCode"], changed["State"]) == (202, "Disabling")
    settled = client.get_event_source_mapping(UUID=uuid)
    assert (settled["State"], settled["BatchSize"]) == ("Disabled", 5)
    large = refusal(client.update_event_source_mapping, UUID=uuid, BatchSize=11)
    assert large == invalid(
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
    )
    assert client.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    gone = refusal(client.get_event_source_mapping, UUID=uuid)
    assert gone == not_found("The resource you requested does not exist.")


def test_a_mapping_of_a_stream_begins_somewhere_and_has_a_streams_defaults(function: Function) -> None:
    client, wanted = function.client, {"FunctionName": function.name, "EventSourceArn": f"{STREAM}-{function.name}"}
    nowhere = refusal(client.create_event_source_mapping, **wanted)
    assert nowhere == violation("null", "startingPosition", "Member must not be null.")
    made = bare(client.create_event_source_mapping(StartingPosition="LATEST", **wanted))
    shown = {name: made[name] for name in ("BatchSize", "ParallelizationFactor", "MaximumRetryAttempts")}
    assert shown == {"BatchSize": 100, "ParallelizationFactor": 1, "MaximumRetryAttempts": -1}
    assert made["LastProcessingResult"] == "No records processed"
    client.delete_event_source_mapping(UUID=made["UUID"])


def test_what_cannot_be_mapped_is_refused(shared_server: Server, function: Function) -> None:
    create_mapping = client_of(shared_server).create_event_source_mapping
    assert refusal(create_mapping, FunctionName="missing", EventSourceArn=QUEUE) == invalid("Function does not exist")
    unknown = invalid("Unrecognized event source.")
    assert refusal(create_mapping, FunctionName=function.name) == unknown
    assert refusal(create_mapping, FunctionName=function.name, EventSourceArn="arn:aws:s3:::bucket") == unknown


IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/repository"


def test_5_8_a_function_of_an_image_is_kept_and_described_and_not_run(shared_server: Server) -> None:
    client, name = client_of(shared_server), unique()
    made = client.create_function(
        FunctionName=name,
        PackageType="Image",
        Role=ROLE,
        Code={"ImageUri": f"{IMAGE}:latest"},
        ImageConfig={"Command": ["c"], "EntryPoint": ["e"]},
    )
    assert not {"Runtime", "Handler", "RuntimeVersionConfig"} & made.keys()
    assert (made["PackageType"], made["CodeSize"]) == ("Image", 0)
    assert made["ImageConfigResponse"] == {"ImageConfig": {"Command": ["c"], "EntryPoint": ["e"]}}
    function = Function(shared_server, client, name)
    wait_until(lambda: function.settled, 30)
    code = client.get_function(FunctionName=name)["Code"]
    assert code == {
        "RepositoryType": "ECR",
        "ImageUri": f"{IMAGE}:latest",
        "ResolvedImageUri": f"{IMAGE}@sha256:{made['CodeSha256']}",
    }
    refused = refusal(client.invoke, FunctionName=name, Payload=b"{}")
    assert refused[:2] == (400, "InvalidParameterValueException")
    assert "container image" in str(refused[2])
    zipped = refusal(client.update_function_code, FunctionName=name, ZipFile=zips.of({"a": b""}))
    assert zipped == invalid("Please provide ImageUri when updating a function with packageType Image.")
    for setting in ({"Handler": "h"}, {"Runtime": "python3.12"}):
        other = refusal(client.update_function_configuration, FunctionName=name, **setting)
        assert other == invalid(
            "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
        )
    digest = "ab" * 32
    updated = client.update_function_code(FunctionName=name, ImageUri=f"{IMAGE}@sha256:{digest}")
    assert updated["CodeSha256"] == digest
    function.update(ImageConfig={})
    wait_until(lambda: function.settled, 30)
    assert "ImageConfigResponse" not in client.get_function_configuration(FunctionName=name)
    wrong = refusal(client.publish_version, FunctionName=name, CodeSha256="a")
    assert wrong == invalid(
        f"CodeSHA256 (a) is different from current CodeSHA256 in $LATEST ({digest}). "
        "Please try again with the CodeSHA256 in $LATEST."
    )
    assert client.publish_version(FunctionName=name)["Version"] == "1"
    client.delete_function(FunctionName=name)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (
            {"PackageType": "Image", "Code": {"ZipFile": b"PK"}},
            "Please provide ImageUri when creating a function with packageType Image.",
        ),
        (
            {"PackageType": "Image", "Code": {"ImageUri": IMAGE}, "Runtime": "python3.12"},
            "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.",
        ),
        (
            {"Code": {"ImageUri": IMAGE}, "Runtime": "python3.12", "Handler": "h"},
            "Please don't provide ImageUri when creating a function with packageType Zip.",
        ),
        (
            {"Code": {"ZipFile": b"PK"}, "Runtime": "python3.12", "Handler": "h", "ImageConfig": {"Command": ["c"]}},
            "Please don't provide ImageConfig when the intended function PackageType is Zip.",
        ),
    ],
)
def test_5_8_code_and_package_type_have_to_agree(shared_server: Server, request_: dict[str, Any], words: str) -> None:
    client = client_of(shared_server)
    assert refusal(client.create_function, FunctionName=unique(), Role=ROLE, **request_) == invalid(words)


def test_the_settings_of_other_services_go_round_a_server(function: Function) -> None:
    settings: dict[str, Any] = {
        "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        "DeadLetterConfig": {"TargetArn": QUEUE},
        "KMSKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
        "TracingConfig": {"Mode": "Active"},
    }
    function.update(**settings)
    wait_until(lambda: function.settled, 30)
    found = function.client.get_function_configuration(FunctionName=function.name)
    assert found["VpcConfig"] == {**settings["VpcConfig"], "VpcId": "", "Ipv6AllowedForDualStack": False}
    assert {name: found[name] for name in list(settings)[1:]} == {name: settings[name] for name in list(settings)[1:]}
    assert json.dumps(function.value({"a": 1})) == '{"a": 1}'
