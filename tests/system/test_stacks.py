"""CloudFormation by its own API: every type of Lambda's, failures taken back, exports, custom resources, SAM."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support import stacks, zips
from tests.support.functions import client_of, unique, wait_until
from tests.support.runtimes import NEWEST
from tests.support.server import ACCOUNT, REGION, Server

pytestmark = pytest.mark.anybody

EVERYTHING = (Path(__file__).parent / "stacks" / "everything.yaml").read_text()
ONE = {"Resources": {"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "v"}}}}
# Its function would be made, and taken back again, before anybody learned that moto has no such API.
WITH_AN_HTTP_API = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Function": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Runtime": NEWEST,
                "Handler": "index.handler",
                "InlineCode": "",
                "Events": {"Get": {"Type": "HttpApi", "Properties": {"Path": "/", "Method": "GET"}}},
            },
        }
    },
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests of this module: their stacks have names of their own."""
    with Server.started(tmp_path_factory.mktemp("stacks") / "state") as started:
        yield started


@pytest.fixture
def name() -> str:
    return unique("stack")


@pytest.fixture
def bucket(server: Server) -> str:
    """A bucket that holds two layers, `one` and `two`, which differ in what they say."""
    made = unique("code")
    client = server.client("s3")
    client.create_bucket(Bucket=made)
    for key in ("one", "two"):
        client.put_object(Bucket=made, Key=key, Body=zips.of({"python/shared.py": f"NAME = {key!r}\n".encode()}))
    return made


def says(server: Server, function: str) -> Any:
    return json.loads(client_of(server).invoke(FunctionName=function)["Payload"].read())


def test_a_changed_layer_reaches_its_function_and_the_old_version_goes(server: Server, name: str, bucket: str) -> None:
    given = {"Bucket": bucket, "Name": name, "Runtime": NEWEST}
    assert stacks.create(server, name, EVERYTHING, Key="one", **given) == "CREATE_COMPLETE"
    made = stacks.physical_ids(server, name)
    client = client_of(server)
    assert says(server, made["Alias"]) == f"{name} one"
    assert client.get_policy(FunctionName=made["Function"], Qualifier="live")["Policy"]
    assert client.get_layer_version_policy(LayerName=name, VersionNumber=1)["Policy"]
    assert (
        client.get_function_url_config(FunctionName=made["Function"])["FunctionUrl"]
        == stacks.outputs(server, name)["Url"]
    )
    invoked = client.get_function_event_invoke_config(FunctionName=made["Function"], Qualifier="live")
    assert invoked["MaximumRetryAttempts"] == 1
    assert client.get_event_source_mapping(UUID=made["Mapping"])["BatchSize"] == 5
    assert (
        server.client("dynamodb").describe_table(TableName=made["Table"])["Table"]["TableArn"]
        == stacks.outputs(server, name)["Table"]
    )

    cloud = stacks.client_of(server)
    cloud.create_change_set(
        StackName=name,
        ChangeSetName="next",
        UsePreviousTemplate=True,
        Parameters=[
            {"ParameterKey": "Key", "ParameterValue": "two"},
            *({"ParameterKey": key, "UsePreviousValue": True} for key in given),
        ],
        Capabilities=stacks.CAPABILITIES,
    )
    shown = [
        each["ResourceChange"] for each in cloud.describe_change_set(StackName=name, ChangeSetName="next")["Changes"]
    ]
    assert [(each["LogicalResourceId"], each["Action"], each["Replacement"]) for each in shown] == [
        ("Layer", "Modify", "True"),
        ("LayerPermission", "Modify", "Conditional"),
        ("Function", "Modify", "False"),
    ]
    before = len(stacks.events(server, name))
    cloud.execute_change_set(StackName=name, ChangeSetName="next")
    assert stacks.settled(server, name) == "UPDATE_COMPLETE"
    assert says(server, made["Function"]) == f"{name} two"
    assert [version["Version"] for version in client.list_layer_versions(LayerName=name)["LayerVersions"]] == [2]
    happened = [event for event in stacks.events(server, name)[before:] if not event[1].endswith("E_IN_PROGRESS")]
    assert happened == [
        ("Layer", "UPDATE_COMPLETE"),
        ("LayerPermission", "UPDATE_COMPLETE"),
        ("Function", "UPDATE_COMPLETE"),
        (name, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("LayerPermission", "DELETE_COMPLETE"),
        ("Layer", "DELETE_COMPLETE"),
        (name, "UPDATE_COMPLETE"),
    ]

    # An update that fails at its last resource is taken back, and nothing of it stays.
    failing = EVERYTHING.replace("BatchSize: 5", "BatchSize: 99999").replace("Timeout: 7", "Timeout: 9")
    assert stacks.update(server, name, failing, Key="one", **given) == "UPDATE_ROLLBACK_COMPLETE"
    assert ("Mapping", "UPDATE_FAILED") in stacks.events(server, name)
    assert says(server, made["Function"]) == f"{name} two"
    assert client.get_function_configuration(FunctionName=made["Function"])["Timeout"] == 7
    assert [version["Version"] for version in client.list_layer_versions(LayerName=name)["LayerVersions"]] == [2]
    assert stacks.physical_ids(server, name)["Layer"].endswith(":2")

    # What another stack imports cannot go before it.
    other = unique("other")
    importing = {
        "Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": ""}}},
        "Outputs": {"Layer": {"Value": {"Fn::GetAtt": ["P", "Value"]}}},
    }
    importing["Resources"]["P"]["Properties"]["Value"] = {"Fn::ImportValue": f"{name}-layer"}  # type: ignore[index]
    assert stacks.create(server, other, importing) == "CREATE_COMPLETE"
    assert stacks.outputs(server, other) == {"Layer": stacks.outputs(server, name)["Layer"]}
    assert cloud.list_imports(ExportName=f"{name}-layer")["Imports"] == [other]
    with pytest.raises(ClientError, match=f"cannot be deleted as it is in use by {other}"):
        cloud.delete_stack(StackName=name)
    assert stacks.delete(server, other) == "DELETE_COMPLETE"

    assert stacks.delete(server, name) == "DELETE_COMPLETE"
    assert client.list_layer_versions(LayerName=name)["LayerVersions"] == []
    assert [each["FunctionName"] for each in client.list_functions()["Functions"] if name in each["FunctionName"]] == []
    assert [each for each in server.client("iam").list_roles()["Roles"] if name in each["RoleName"]] == []
    assert server.client("sqs").list_queues(QueueNamePrefix=name).get("QueueUrls", []) == []
    assert [each for each in server.client("s3").list_buckets()["Buckets"] if name in each["Name"]] == []
    with pytest.raises(ClientError, match="does not exist"):
        cloud.describe_stacks(StackName=name)


def tagged(name: str, value: str | None) -> dict[str, Any]:
    """A template of what bears tags: `kept` and, with a value, `own`."""
    tags = {"kept": "same"} | ({} if value is None else {"own": value})
    listed = {"Tags": [{"Key": key, "Value": held} for key, held in tags.items()]}
    who = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [who]}
    publishers = {"SigningProfileVersionArns": [f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/p/abcdefghij"]}
    properties: dict[str, tuple[str, dict[str, Any]]] = {
        "Queue": ("SQS::Queue", listed),
        "Topic": ("SNS::Topic", listed),
        "Rule": ("Events::Rule", {"ScheduleExpression": "rate(1 day)", **listed}),
        "Role": ("IAM::Role", {"AssumeRolePolicyDocument": trust, **listed}),
        "Parameter": ("SSM::Parameter", {"Name": name, "Type": "String", "Value": "v", "Tags": tags}),
        "Group": ("Logs::LogGroup", {"LogGroupName": name, **listed}),
        "Repository": ("ECR::Repository", listed),
        "Signing": ("Lambda::CodeSigningConfig", {"AllowedPublishers": publishers, **listed}),
    }
    return {"Resources": {key: {"Type": f"AWS::{kind}", "Properties": of} for key, (kind, of) in properties.items()}}


def tags_of(server: Server, made: dict[str, str], name: str) -> dict[str, dict[str, str]]:
    clients = {each: server.client(each) for each in ("sqs", "sns", "events", "iam", "ssm", "logs", "ecr", "lambda")}
    arns = {service: f"arn:aws:{service}:{REGION}:{ACCOUNT}" for service in clients}
    repository = f"{arns['ecr']}:repository/{made['Repository']}"
    found = {
        "Queue": clients["sqs"].list_queue_tags(QueueUrl=made["Queue"])["Tags"],
        "Topic": clients["sns"].list_tags_for_resource(ResourceArn=made["Topic"])["Tags"],
        "Rule": clients["events"].list_tags_for_resource(ResourceARN=f"{arns['events']}:rule/{made['Rule']}")["Tags"],
        "Role": clients["iam"].list_role_tags(RoleName=made["Role"])["Tags"],
        "Parameter": clients["ssm"].list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"],
        "Group": clients["logs"].list_tags_for_resource(resourceArn=f"{arns['logs']}:log-group:{name}")["tags"],
        "Repository": clients["ecr"].list_tags_for_resource(resourceArn=repository)["tags"],
        "Signing": clients["lambda"].list_tags(Resource=made["Signing"])["Tags"],
    }
    return {
        key: {tag["Key"]: tag["Value"] for tag in tags} if isinstance(tags, list) else tags
        for key, tags in found.items()
    }


def test_tags_of_a_resource_are_those_of_its_template(server: Server, name: str) -> None:
    for do, value in ((stacks.create, "one"), (stacks.update, "two"), (stacks.update, None)):
        assert do(server, name, tagged(name, value)).endswith("E_COMPLETE"), stacks.events(server, name)
        wanted = {"kept": "same"} | ({} if value is None else {"own": value})
        found = tags_of(server, stacks.physical_ids(server, name), name)
        assert found == dict.fromkeys(found, wanted)


def test_a_creation_that_fails_leaves_nothing(server: Server, name: str) -> None:
    failing = {
        "Resources": {
            **ONE["Resources"],
            "Bad": {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": "nobody", "Name": "x"}},
        }
    }
    failing["Resources"]["Parameter"]["Properties"]["Name"] = f"/{name}"  # type: ignore[index]
    failing["Resources"]["Bad"]["DependsOn"] = "Parameter"
    assert stacks.create(server, name, failing) == "ROLLBACK_COMPLETE"
    assert stacks.events(server, name)[-2:] == [("Parameter", "DELETE_COMPLETE"), (name, "ROLLBACK_COMPLETE")]
    with pytest.raises(ClientError, match="ParameterNotFound"):
        server.client("ssm").get_parameter(Name=f"/{name}")
    assert stacks.delete(server, name) == "DELETE_COMPLETE"


def test_what_is_to_be_retained_is_left(server: Server, name: str) -> None:
    template = json.loads(json.dumps(ONE))
    template["Resources"]["Parameter"] |= {"DeletionPolicy": "Retain"}
    template["Resources"]["Parameter"]["Properties"]["Name"] = f"/{name}"
    assert stacks.create(server, name, template) == "CREATE_COMPLETE"
    assert stacks.delete(server, name) == "DELETE_COMPLETE"
    assert server.client("ssm").get_parameter(Name=f"/{name}")["Parameter"]["Value"] == "v"


def test_a_stack_in_a_stack_is_made_changed_taken_back_and_deleted_with_it(
    server: Server, name: str, bucket: str
) -> None:
    inner = {
        "Parameters": {"Days": {"Type": "Number"}},
        "Resources": {
            "Group": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"LogGroupName": f"/{name}", "RetentionInDays": {"Ref": "Days"}},
            }
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Group", "Arn"]}}},
    }
    server.client("s3").put_object(Bucket=bucket, Key="inner.json", Body=json.dumps(inner).encode())

    def outer(days: int) -> dict[str, Any]:
        url = f"{server.endpoint}/{bucket}/inner.json"
        nested = {"TemplateURL": url, "Parameters": {"Days": days}}
        return {
            "Resources": {"Inner": {"Type": "AWS::CloudFormation::Stack", "Properties": nested}},
            "Outputs": {"Group": {"Value": {"Fn::GetAtt": ["Inner", "Outputs.Arn"]}}},
        }

    def retention() -> int:
        (group,) = server.client("logs").describe_log_groups(logGroupNamePrefix=f"/{name}")["logGroups"]
        return int(group["retentionInDays"])

    assert stacks.create(server, name, outer(7)) == "CREATE_COMPLETE"
    assert stacks.outputs(server, name)["Group"].endswith(f"log-group:/{name}:*")
    assert retention() == 7
    assert stacks.update(server, name, outer(14)) == "UPDATE_COMPLETE"
    assert retention() == 14
    # No number of days that logs can be kept for.
    assert stacks.update(server, name, outer(8)) == "UPDATE_ROLLBACK_COMPLETE"
    assert retention() == 14
    inner_id = stacks.physical_ids(server, name)["Inner"]
    assert stacks.delete(server, name) == "DELETE_COMPLETE"
    assert stacks.described(server, inner_id)["StackStatus"] == "DELETE_COMPLETE"
    assert server.client("logs").describe_log_groups(logGroupNamePrefix=f"/{name}")["logGroups"] == []


CUSTOM = """
import cfnresponse

def handler(event, context):
    if event["ResourceProperties"].get("Silent") == "true" and event["RequestType"] == "Create":
        return
    told = {"Told": event["RequestType"] + " " + event["ResourceProperties"]["Number"]}
    cfnresponse.send(event, context, cfnresponse.SUCCESS, told, "made-" + event["LogicalResourceId"])
"""


def custom(silent: bool = False, number: int = 5) -> dict[str, Any]:
    return {
        "Resources": {
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Handler": "index.handler",
                    "Runtime": NEWEST,
                    "Role": "arn:aws:iam::000000000000:role/r",
                    "Code": {"ZipFile": CUSTOM},
                },
            },
            "Thing": {
                "Type": "Custom::Thing",
                "Properties": {
                    "ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]},
                    "Number": number,
                    "Silent": silent,
                },
            },
        },
        "Outputs": {"Told": {"Value": {"Fn::GetAtt": ["Thing", "Told"]}}, "Id": {"Value": {"Ref": "Thing"}}},
    }


def test_a_function_makes_a_custom_resource(server: Server, name: str) -> None:
    assert stacks.create(server, name, custom()) == "CREATE_COMPLETE"
    assert stacks.outputs(server, name) == {"Told": "Create 5", "Id": "made-Thing"}
    assert stacks.update(server, name, custom(number=6)) == "UPDATE_COMPLETE"
    assert stacks.outputs(server, name) == {"Told": "Update 6", "Id": "made-Thing"}
    assert stacks.delete(server, name) == "DELETE_COMPLETE"


def test_a_killed_server_takes_back_what_it_was_making(tmp_path: Path) -> None:
    first = Server.start(tmp_path / "state")
    try:
        body = json.dumps(custom(silent=True))
        stacks.client_of(first).create_stack(StackName="killed", TemplateBody=body)
        wait_until(lambda: ("Thing", "CREATE_IN_PROGRESS") in stacks.events(first, "killed"), 30, "the custom resource")
        assert len(first.client().list_functions()["Functions"]) == 1
    finally:
        first.kill()
    with Server.started(tmp_path / "state") as second:
        assert stacks.settled(second, "killed") == "ROLLBACK_COMPLETE"
        assert ("Thing", "CREATE_FAILED") in stacks.events(second, "killed")
        assert second.client().list_functions()["Functions"] == []


SAM = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: %s, Handler: index.handler, Timeout: 5}
Resources:
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {LayerName: %s, ContentUri: layer/, CompatibleRuntimes: [%s], RetentionPolicy: Delete}
  One: {Type: 'AWS::Serverless::Function', Properties: {CodeUri: code/, Layers: [!Ref Shared], AutoPublishAlias: live}}
Outputs:
  One: {Value: !Ref One}
"""


@pytest.mark.slow
def test_the_aws_command_packages_and_deploys_a_template_of_sam(server: Server, name: str, tmp_path: Path) -> None:
    bucket = unique("packages")
    server.client("s3").create_bucket(Bucket=bucket)
    (tmp_path / "template.yaml").write_text(SAM % (NEWEST, name, NEWEST))
    (tmp_path / "layer" / "python").mkdir(parents=True)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "index.py").write_text("import shared\ndef handler(event, context): return shared.NAME\n")

    def reviewed() -> str:
        packaged = str(tmp_path / "packaged.yaml")
        wanted = ["--template-file", str(tmp_path / "template.yaml"), "--s3-bucket", bucket]
        done = server.aws("package", *wanted, "--output-template-file", packaged, service="cloudformation")
        assert done.returncode == 0, done.stderr
        # Not executed by the command, which looks every half a minute whether it is done.
        given = ["--template-file", packaged, "--stack-name", name, "--capabilities", "CAPABILITY_IAM"]
        done = server.aws(*("deploy", *given, "--no-execute-changeset"), service="cloudformation")
        assert done.returncode == 0, done.stderr
        return done.stdout

    client = stacks.client_of(server)
    for said in ("first", "second"):
        (tmp_path / "layer" / "python" / "shared.py").write_text(f"NAME = {said!r}\n")
        change_set = re.search(r"arn:\S+:changeSet/\S+", reviewed())
        assert change_set is not None
        client.execute_change_set(ChangeSetName=change_set[0])
        assert stacks.settled(server, name) in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        assert says(server, stacks.outputs(server, name)["One"]) == said
    assert stacks.delete(server, name) == "DELETE_COMPLETE"
    assert client_of(server).list_layer_versions(LayerName=name)["LayerVersions"] == []


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ("{", "ValidationError", "JSON not well-formed"),
        (
            json.dumps({"Resources": {"A": {"Type": "AWS::Lambda::Nothing"}}}),
            "ValidationError",
            "Unrecognized resource",
        ),
        (json.dumps(WITH_AN_HTTP_API), "ValidationError", "AWS::ApiGatewayV2::Api, AWS::ApiGatewayV2::Stage"),
        (json.dumps({"Resources": {"A": {"Type": "AWS::IAM::Role"}}}), "InsufficientCapabilities", "CAPABILITY_IAM"),
        (json.dumps({**ONE, "Transform": "Mine"}), "ValidationError", "No transform named Mine found"),
    ],
)
def test_what_cannot_be_is_told_before_anything_begins(server: Server, body: str, code: str, told: str) -> None:
    with pytest.raises(ClientError, match=told) as caught:
        stacks.client_of(server).create_stack(StackName=unique("never"), TemplateBody=body)
    assert code in caught.value.response["Error"]["Code"]


def test_an_update_without_changes_is_refused(server: Server, name: str) -> None:
    assert stacks.create(server, name, ONE) == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stacks.update(server, name, ONE)
    with pytest.raises(ClientError, match="already exists"):
        stacks.create(server, name, ONE)
    assert stacks.delete(server, name) == "DELETE_COMPLETE"
