"""Functions over HTTP: created, read, updated, deleted. Numbers are sections of AWS's recorded behaviour."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.functions import Function, archive, create, unique, wait_until
from tests.support.refusals import conflict, failed_precondition, invalid, not_found, refusal, violation
from tests.support.runtimes import NEWEST
from tests.support.server import ACCOUNT, REGION, ROLE, Server

pytestmark = pytest.mark.anybody

CODE = archive("def handler(event, context): return event")
OTHER_CODE = archive("def handler(event, context): return 'other'")
RUNTIMES = (
    "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, "
    "java11, dotnet6, nodejs18.x, provided.al2, java8.al2"
)


@pytest.fixture(scope="module")
def client(shared_server: Server) -> Any:
    return shared_server.client(parameter_validation=False)


@pytest.fixture
def function(shared_server: Server) -> Function:
    made = create(shared_server, CODE)
    wait_until(lambda: made.settled, 30)
    return made


def arn(name: str, qualifier: str = "") -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" + (qualifier and f":{qualifier}")


def asked(**changes: Any) -> dict[str, Any]:
    """What CreateFunction needs."""
    basics = {"Runtime": NEWEST, "Handler": "index.handler", "Role": ROLE, "Code": {"ZipFile": CODE}}
    return {"FunctionName": unique(), **basics, **changes}


def made(client: Any, **changes: Any) -> dict[str, Any]:
    """CreateFunction's answer."""
    answer: dict[str, Any] = client.create_function(**asked(**changes))
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 201
    return answer


def shown(client: Any, name: str) -> dict[str, Any]:
    """The configuration, once it is settled."""
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    answer: dict[str, Any] = client.get_function_configuration(FunctionName=name)
    del answer["ResponseMetadata"]
    return answer


def test_3_1_3_2_what_a_create_answers(client: Any) -> None:
    answer = made(client, FunctionName=(name := unique()))
    version = answer.pop("RuntimeVersionConfig")["RuntimeVersionArn"]
    assert version.startswith(f"arn:aws:lambda:{REGION}::runtime:")
    for masked in ("RevisionId", "LastModified"):
        assert isinstance(answer.pop(masked), str)
    assert answer == {
        "Architectures": ["x86_64"],
        "CodeSha256": base64.b64encode(hashlib.sha256(CODE).digest()).decode(),
        "CodeSize": len(CODE),
        "Description": "",
        "EphemeralStorage": {"Size": 512},
        "FunctionArn": arn(name),
        "FunctionName": name,
        "Handler": "index.handler",
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
        "MemorySize": 128,
        "PackageType": "Zip",
        "Role": ROLE,
        "Runtime": NEWEST,
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "Timeout": 3,
        "TracingConfig": {"Mode": "PassThrough"},
        "Version": "$LATEST",
    }


def test_3_5_3_6_created_is_active_with_another_revision(client: Any) -> None:
    answer = made(client)
    active = shown(client, answer["FunctionName"])
    assert (active["State"], active["LastUpdateStatus"]) == ("Active", "Successful")
    assert not {"StateReason", "StateReasonCode", "LastUpdateStatusReason", "LastUpdateStatusReasonCode"} & set(active)
    assert active["RevisionId"] != answer["RevisionId"]


@pytest.mark.parametrize("operation", ["update_function_configuration", "update_function_code"])
def test_3_5_3_6_8_9_an_update_is_in_progress_and_then_successful(function: Function, operation: str) -> None:
    change = {"ZipFile": OTHER_CODE} if operation == "update_function_code" else {"Description": "d"}
    before = shown(function.client, function.name)
    answer = getattr(function.client, operation)(FunctionName=function.name, **change)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert (answer["State"], answer["LastUpdateStatus"]) == ("Active", "InProgress")
    assert (answer["LastUpdateStatusReason"], answer["LastUpdateStatusReasonCode"]) == (
        "The function is being created.",
        "Creating",
    )
    assert (answer["FunctionArn"], answer["Version"]) == (arn(function.name), "$LATEST")
    after = shown(function.client, function.name)
    assert (after["State"], after["LastUpdateStatus"]) == ("Active", "Successful")
    assert len({before["RevisionId"], answer["RevisionId"], after["RevisionId"]}) == 3


def test_3_5_an_update_that_changes_nothing_goes_all_the_way(function: Function) -> None:
    before = shown(function.client, function.name)
    same = function.client.update_function_configuration(FunctionName=function.name, Timeout=before["Timeout"])
    assert same["LastUpdateStatus"] == "InProgress"
    assert shown(function.client, function.name)["RevisionId"] not in (before["RevisionId"], same["RevisionId"])


def test_3_6_only_the_current_revision_may_update(function: Function) -> None:
    client, named = function.client, {"FunctionName": function.name}
    for call, change in (
        (client.update_function_configuration, {"Description": "d"}),
        (client.update_function_code, {"ZipFile": OTHER_CODE}),
    ):
        assert refusal(call, **named, **change, RevisionId="wrong") == failed_precondition()
        call(**named, **change, RevisionId=shown(client, function.name)["RevisionId"])


def test_3_6_of_many_updates_of_one_revision_exactly_one_wins(function: Function) -> None:
    revision = shown(function.client, function.name)["RevisionId"]
    start, told = threading.Barrier(8), []

    def update(number: int) -> None:
        start.wait(30)
        try:
            answer = function.client.update_function_configuration(
                FunctionName=function.name, Description=str(number), RevisionId=revision
            )
            told.append(answer["Description"])
        except ClientError as error:
            told.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=update, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [each for each in told if each.isdigit()]
    assert len(won) == 1
    assert set(told) - set(won) <= {"PreconditionFailedException"}
    assert shown(function.client, function.name)["Description"] == won[0]


def test_5_1_tags_show_up_in_get_function_alone(client: Any) -> None:
    answer = made(client, Tags={"a": "1"})
    assert "Tags" not in answer
    assert client.get_function(FunctionName=answer["FunctionName"])["Tags"] == {"a": "1"}
    untagged = made(client, Tags={})
    assert "Tags" not in client.get_function(FunctionName=untagged["FunctionName"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"Role": "r1"},
            violation(
                "'r1'",
                "role",
                "Member must satisfy regular expression pattern: "
                r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
            ),
        ),
        (
            {"Architectures": ["x86_64", "arm64"]},
            violation("'[x86_64, arm64]'", "architectures", "Member must have length less than or equal to 1"),
        ),
        (
            {"Architectures": ["X86_64"]},
            violation(
                "'[X86_64]'",
                "architectures",
                "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], "
                "Member must not be null]",
            ),
        ),
        (
            {"Code": {"ZipFile": b"no zip"}},
            invalid("Could not unzip uploaded file. Please check your file, then try to upload again."),
        ),
        ({"Tags": {str(key): "" for key in range(51)}}, invalid("Number of tags exceeds resource tag limit.")),
        (
            {"SnapStart": {"ApplyOn": "invalidOption"}},
            violation(
                "'invalidOption'", "snapStart.applyOn", "Member must satisfy enum value set: [PublishedVersions, None]"
            ),
        ),
        (
            {"Runtime": "non-existent-runtime"},
            invalid(
                "Value non-existent-runtime at 'runtime' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{RUNTIMES}] or be a valid ARN"
            ),
        ),
    ],
    ids=["role", "two architectures", "architecture", "no zip", "tags", "snap start", "runtime"],
)
def test_5_2_5_3_refused_and_not_there_afterwards(client: Any, change: dict[str, Any], told: Any) -> None:
    request = asked(**change)
    assert refusal(client.create_function, **request) == told
    assert refusal(client.get_function, FunctionName=request["FunctionName"]) == not_found(
        f"Function not found: {arn(request['FunctionName'])}"
    )


@pytest.mark.parametrize(
    "runtime",
    ["java8", "go1.x", "provided", "ruby2.7", "nodejs14.x", "python3.7", "dotnetcore3.1", "nodejs12.x"],
)
def test_5_3_retired_runtimes(client: Any, function: Function, runtime: str) -> None:
    told = invalid(
        f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
        "We recommend you use a supported runtime while creating or updating functions."
    )
    assert refusal(client.create_function, **asked(Runtime=runtime)) == told
    assert refusal(client.update_function_configuration, FunctionName=function.name, Runtime=runtime) == told


@pytest.mark.parametrize("runtime", RUNTIMES.split(", "))
def test_5_3_every_current_runtime_can_be_created(client: Any, runtime: str) -> None:
    answer = made(client, Runtime=runtime)
    assert answer["Runtime"] == runtime
    client.delete_function(FunctionName=answer["FunctionName"])


def test_3_3_the_runtime_version_goes_by_runtime_and_architecture(client: Any) -> None:
    versions = {
        made(client, Runtime=runtime, Architectures=[architecture])["RuntimeVersionConfig"]["RuntimeVersionArn"]
        for runtime in ("python3.12", "python3.13")
        for architecture in ("x86_64", "arm64")
    }
    assert len(versions) == 4


def test_5_5_variables_take_up_to_4096_bytes(client: Any, function: Function) -> None:
    def variables(size: int) -> dict[str, Any]:
        empty = len('{"SMALL_VAR":"ok","LARGE_VAR":""}')
        return {"Variables": {"SMALL_VAR": "ok", "LARGE_VAR": "x" * (size - empty)}}

    client.update_function_configuration(FunctionName=function.name, Environment=variables(4096))
    shown(client, function.name)
    too_large = variables(4097)
    measured = json.dumps(too_large["Variables"], separators=(",", ":"))
    told = invalid(
        "Lambda was unable to configure your environment variables because the environment variables you have "
        f"provided exceeded the 4KB limit. String measured: {measured}"
    )
    assert refusal(client.create_function, **asked(Environment=too_large)) == told
    assert refusal(client.update_function_configuration, FunctionName=function.name, Environment=too_large) == told


def test_5_5_an_empty_environment_is_not_none(client: Any, function: Function) -> None:
    assert "Environment" not in made(client)
    assert made(client, Environment={"Variables": {}})["Environment"] == {"Variables": {}}
    # 9: it is replaced as a whole.
    for variables in ({"ONE": "1"}, {"TWO": "2"}, {}):
        client.update_function_configuration(FunctionName=function.name, Environment={"Variables": variables})
        assert shown(client, function.name)["Environment"] == {"Variables": variables}


def test_5_6_sizes_of_archive_and_request(client: Any) -> None:
    too_large = b"\0" * 52_428_801
    assert refusal(client.create_function, **asked(Code={"ZipFile": too_large})) == (
        413,
        "RequestEntityTooLargeException",
        "Zipped size must be smaller than 52428800 bytes",
    )
    huge = {"Variables": {"LARGE_VAR": "x" * 70_167_211}}
    assert refusal(client.create_function, **asked(Environment=huge)) == (
        413,
        "RequestEntityTooLargeException",
        "Request must be smaller than 70167211 bytes for the CreateFunction operation",
    )


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ({"LogFormat": "JSON"}, {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}),
        (
            {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"},
            {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "INFO"},
        ),
        (
            {"LogFormat": "JSON", "SystemLogLevel": "DEBUG"},
            {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "DEBUG"},
        ),
        ({"LogGroup": "cool_lambda"}, {"LogFormat": "Text", "LogGroup": "cool_lambda"}),
    ],
)
def test_5_10_logging(client: Any, function: Function, sent: dict[str, str], answered: dict[str, str]) -> None:
    created = made(client, LoggingConfig=sent)
    group = {"LogGroup": f"/aws/lambda/{created['FunctionName']}"}
    assert created["LoggingConfig"] == group | answered
    group = {"LogGroup": f"/aws/lambda/{function.name}"}
    update = function.client.update_function_configuration
    assert update(FunctionName=function.name, LoggingConfig=sent)["LoggingConfig"] == group | answered
    shown(client, function.name)
    back = update(FunctionName=function.name, LoggingConfig={"LogFormat": "Text"})["LoggingConfig"]
    assert back == {"LogFormat": "Text", "LogGroup": answered.get("LogGroup", group["LogGroup"])}


def test_5_an_existing_name_is_a_conflict(function: Function) -> None:
    assert refusal(function.client.create_function, **asked(FunctionName=function.name)) == conflict(
        f"Function already exist: {function.name}"
    )


def test_6_the_location_serves_the_very_bytes_without_credentials(function: Function) -> None:
    def download() -> bytes:
        code = function.client.get_function(FunctionName=function.name)["Code"]
        assert code["RepositoryType"] == "S3"
        with urllib.request.urlopen(code["Location"], timeout=60) as answer:
            return bytes(answer.read())

    assert download() == CODE
    function.client.update_function_code(FunctionName=function.name, ZipFile=OTHER_CODE)
    assert download() == OTHER_CODE


def test_7_the_configuration_is_the_one_get_function_shows(function: Function) -> None:
    shown_by_function = function.client.get_function(FunctionName=function.name)["Configuration"]
    assert shown(function.client, function.name) == shown_by_function


def test_8_new_code_for_another_architecture(function: Function) -> None:
    before = shown(function.client, function.name)
    answer = function.client.update_function_code(
        FunctionName=function.name, ZipFile=OTHER_CODE, Architectures=["arm64"]
    )
    assert (answer["Architectures"], answer["CodeSize"]) == (["arm64"], len(OTHER_CODE))
    assert answer["CodeSha256"] == base64.b64encode(hashlib.sha256(OTHER_CODE).digest()).decode()
    assert answer["RuntimeVersionConfig"] != before["RuntimeVersionConfig"]


def test_8_a_refused_update_leaves_everything_as_it_was(function: Function) -> None:
    before = shown(function.client, function.name)
    update = function.client.update_function_code
    assert refusal(update, FunctionName=function.name, ZipFile=b"no zip")[0] == 400
    assert refusal(update, FunctionName=function.name, ImageUri="repository:latest") == invalid(
        "Please don't provide ImageUri when updating a function with packageType Zip."
    )
    assert shown(function.client, function.name) == before


def test_9_an_update_changes_what_it_sends(function: Function) -> None:
    before = shown(function.client, function.name)
    answer = function.client.update_function_configuration(
        FunctionName=function.name, Timeout=7, MemorySize=512, Handler="other.handler", Runtime="nodejs22.x"
    )
    after = shown(function.client, function.name)
    changed = {"Timeout": 7, "MemorySize": 512, "Handler": "other.handler", "Runtime": "nodejs22.x"}
    assert {name: after[name] for name in changed} == changed
    assert answer["RuntimeVersionConfig"] == after["RuntimeVersionConfig"] != before["RuntimeVersionConfig"]
    untouched = set(after) - set(changed) - {"RevisionId", "LastModified", "RuntimeVersionConfig"}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}


def test_10_deleted_is_gone_and_can_be_created_again(function: Function) -> None:
    client, name = function.client, function.name
    revision = shown(client, name)["RevisionId"]
    assert client.delete_function(FunctionName=name)["ResponseMetadata"]["HTTPStatusCode"] == 204
    gone = not_found(f"Function not found: {arn(name)}")
    assert refusal(client.delete_function, FunctionName=name) == gone
    assert refusal(client.list_tags, Resource=arn(name)) == gone
    again = made(client, FunctionName=name)
    assert again["State"] == "Pending"
    assert again["RevisionId"] != revision


def test_12_an_unknown_function_version_to_list(client: Any) -> None:
    assert refusal(client.list_functions, FunctionVersion="invalid") == violation(
        "'invalid'", "functionVersion", "Member must satisfy enum value set: [ALL]"
    )


def test_1_1_the_envelope_of_errors(client: Any, function: Function) -> None:
    for call, request, code, kind in (
        (client.get_function, {"FunctionName": unique()}, "ResourceNotFoundException", "User"),
        (client.create_function, asked(FunctionName=function.name), "ResourceConflictException", "User"),
        (client.get_function, {"FunctionName": "*"}, "ValidationException", None),
    ):
        with pytest.raises(ClientError) as raised:
            call(**request)
        response = raised.value.response
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        assert (headers["x-amzn-errortype"], headers["content-type"]) == (code, "application/json")
        assert len(headers["x-amzn-requestid"]) == 36
        assert response.get("Type") == kind
