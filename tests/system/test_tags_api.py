"""Tags of functions over HTTP. The numbers in the names are sections of the recorded behaviour of AWS."""

from __future__ import annotations

import pytest

from tests.support.functions import Function, create, unique, wait_until
from tests.support.refusals import invalid, not_found, refusal, violation
from tests.support.server import ACCOUNT, REGION, Server

pytestmark = pytest.mark.anybody

P_TAGGABLE = (
    r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+"
    r"(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:"
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)"
)
TOO_MANY = invalid("Number of tags exceeds resource tag limit.")


@pytest.fixture
def function(shared_server: Server) -> Function:
    return create(shared_server, "def handler(event, context): return event")


def arn(name: str, qualifier: str = "") -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" + (qualifier and f":{qualifier}")


def test_17_tags_are_merged_and_taken_away(function: Function) -> None:
    client, resource = function.client, arn(function.name)
    assert client.list_tags(Resource=resource)["Tags"] == {}
    answer = client.tag_resource(Resource=resource, Tags={"a": "1", "b": "2"})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    client.tag_resource(Resource=resource, Tags={"b": "3", "c": ""})
    assert client.list_tags(Resource=resource)["Tags"] == {"a": "1", "b": "3", "c": ""}
    answer = client.untag_resource(Resource=resource, TagKeys=["a", "never-there"])
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    # 6: GetFunction shows them while there are some.
    assert client.get_function(FunctionName=function.name)["Tags"] == {"b": "3", "c": ""}
    client.untag_resource(Resource=resource, TagKeys=["b", "c"])
    assert client.list_tags(Resource=resource)["Tags"] == {}
    assert "Tags" not in client.get_function(FunctionName=function.name)


def test_17_every_call_gives_the_function_another_revision(function: Function) -> None:
    wait_until(lambda: function.settled, 30)

    def revision() -> str:
        return str(function.client.get_function_configuration(FunctionName=function.name)["RevisionId"])

    seen = [revision()]
    function.client.tag_resource(Resource=arn(function.name), Tags={"a": "1"})
    seen.append(revision())
    function.client.tag_resource(Resource=arn(function.name), Tags={"a": "1"})
    seen.append(revision())
    function.client.untag_resource(Resource=arn(function.name), TagKeys=["never-there"])
    seen.append(revision())
    assert len(set(seen)) == 4


def test_17_tags_may_come_while_the_function_is_being_created(function: Function) -> None:
    function.client.tag_resource(Resource=arn(function.name), Tags={"a": "1"})
    wait_until(lambda: function.settled, 30)
    assert function.value("it runs") == "it runs"


def test_17_fifty_tags_and_no_more(function: Function) -> None:
    client, resource = function.client, arn(function.name)
    tags = {f"key-{number}": "" for number in range(51)}
    assert refusal(client.tag_resource, Resource=resource, Tags=tags) == TOO_MANY
    tags.pop("key-50")
    client.tag_resource(Resource=resource, Tags=tags)
    client.tag_resource(Resource=resource, Tags={"key-1": "again"})
    assert refusal(client.tag_resource, Resource=resource, Tags={"key-51": ""}) == TOO_MANY
    assert len(client.list_tags(Resource=resource)["Tags"]) == 50


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("qualifier", ["$LATEST", "1", "alias"])
def test_17_versions_and_aliases_have_no_tags(function: Function, exists: bool, qualifier: str) -> None:
    resource = arn(function.name if exists else unique(), qualifier)
    sentence = "Tags on function aliases and versions are not supported. Please specify a function ARN."
    client = function.client
    assert refusal(client.tag_resource, Resource=resource, Tags={"a": "1"}) == invalid(sentence)
    assert refusal(client.untag_resource, Resource=resource, TagKeys=["a"]) == invalid(sentence)
    assert refusal(client.list_tags, Resource=resource) == invalid(sentence)


def test_17_what_is_missing_or_cannot_be_tagged(function: Function) -> None:
    client = function.client
    missing = arn(unique())
    for call, more in (
        (client.tag_resource, {"Tags": {"a": "1"}}),
        (client.untag_resource, {"TagKeys": ["a"]}),
        (client.list_tags, {}),
    ):
        assert refusal(call, Resource=missing, **more) == not_found(f"Function not found: {missing}")
        for malformed in ("arn:aws:something", missing.replace(":function:", ":foobar:"), function.name):
            assert refusal(call, Resource=malformed, **more) == violation(
                f"'{malformed}'", "resource", f"Member must satisfy regular expression pattern: {P_TAGGABLE}"
            )
        provider = missing.replace(":function:", ":capacity-provider:")
        assert refusal(call, Resource=provider, **more) == not_found(f"Capacity provider not found: {provider}")
        layer = missing.replace(":function:", ":layer:")
        assert refusal(call, Resource=layer, **more)[:2] == (400, "InvalidParameterValueException")
        elsewhere = missing.replace(REGION, "eu-central-1")
        assert refusal(call, Resource=elsewhere, **more)[:2] == (404, "ResourceNotFoundException")


def test_17_nothing_to_tag_with(function: Function) -> None:
    client = function.server.client(parameter_validation=False)
    resource = arn(function.name)
    assert refusal(client.untag_resource, Resource=resource, TagKeys=[]) == violation(
        "null", "tagKeys", "Member must not be null"
    )
    assert refusal(client.tag_resource, Resource=resource, Tags={}) == invalid(
        "An error occurred and the request cannot be processed."
    )


def test_17_event_source_mappings_and_code_signing_configurations_have_tags_too(function: Function) -> None:
    client = function.client
    mapping = client.create_event_source_mapping(
        FunctionName=function.name,
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{unique()}",
        Enabled=False,
        Tags={"made": "with"},
    )
    publisher = f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/p/1234567890"
    signing = client.create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [publisher]}, Tags={"made": "with"}
    )["CodeSigningConfig"]
    for resource in (mapping["EventSourceMappingArn"], signing["CodeSigningConfigArn"]):
        client.tag_resource(Resource=resource, Tags={"a": "1"})
        assert client.list_tags(Resource=resource)["Tags"] == {"made": "with", "a": "1"}
        client.untag_resource(Resource=resource, TagKeys=["made", "a"])
        assert client.list_tags(Resource=resource)["Tags"] == {}
        assert refusal(client.tag_resource, Resource=resource, Tags={str(key): "" for key in range(51)}) == TOO_MANY
    client.delete_event_source_mapping(UUID=mapping["UUID"])
    client.delete_code_signing_config(CodeSigningConfigArn=signing["CodeSigningConfigArn"])
    told = f"Event source mapping not found: {mapping['EventSourceMappingArn']}"
    assert refusal(client.list_tags, Resource=mapping["EventSourceMappingArn"]) == not_found(told)
    assert refusal(client.list_tags, Resource=signing["CodeSigningConfigArn"])[0] == 404
