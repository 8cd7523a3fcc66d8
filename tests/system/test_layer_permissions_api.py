"""Policies of layer versions, and layers used by other accounts. Numbers are sections of the layers' digest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import zips
from tests.support.functions import archive, client_of, unique, wait_until
from tests.support.refusals import conflict, denied, failed_precondition, invalid, not_found, refusal, violation
from tests.support.runtimes import NEWEST
from tests.support.server import ACCOUNT, REGION, ROLE, Server

pytestmark = pytest.mark.anybody

FRIEND = "160000000016"
STRANGER = "170000000017"
READ = {"StatementId": "s1", "Action": "lambda:GetLayerVersion", "Principal": "*"}


class Layer:
    """Version 1 of a layer that puts a module into /opt/python."""

    def __init__(self, server: Server) -> None:
        self.server, self.client, self.name = server, client_of(server), unique("layer")
        content = zips.of({"python/shared.py": b"VALUE = 'from a layer'"})
        answer = self.client.publish_layer_version(LayerName=self.name, Content={"ZipFile": content})
        self.arn, self.version_arn = answer["LayerArn"], answer["LayerVersionArn"]
        self.named = {"LayerName": self.name, "VersionNumber": 1}

    def grant(self, **request: Any) -> Any:
        answer = self.client.add_layer_version_permission(**{**self.named, **READ, **request})
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
        return answer

    def policy(self) -> tuple[list[str], str]:
        """The statements' ids, and the RevisionId."""
        answer = self.client.get_layer_version_policy(**self.named)
        return [each["Sid"] for each in json.loads(answer["Policy"])["Statement"]], answer["RevisionId"]


@pytest.fixture
def layer(shared_server: Server) -> Layer:
    return Layer(shared_server)


def test_6_statements_policies_and_their_revisions(layer: Layer) -> None:
    first = layer.grant()
    statement = (
        '{"Sid":"s1","Effect":"Allow","Principal":"*","Action":"lambda:GetLayerVersion",'
        f'"Resource":"{layer.version_arn}"}}'
    )
    assert first["Statement"] == statement
    shown = layer.client.get_layer_version_policy(**layer.named)
    assert shown["Policy"] == f'{{"Version":"2012-10-17","Id":"default","Statement":[{statement}]}}'
    assert shown["RevisionId"] == first["RevisionId"]
    second = layer.grant(LayerName=layer.arn, StatementId="s2", RevisionId=first["RevisionId"])
    assert layer.policy() == (["s1", "s2"], second["RevisionId"])
    answer = layer.client.remove_layer_version_permission(
        **layer.named, StatementId="s2", RevisionId=second["RevisionId"]
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    sids, third = layer.policy()
    assert sids == ["s1"]
    assert len({first["RevisionId"], second["RevisionId"], third}) == 3


def test_6_an_organisation_is_a_condition(layer: Layer) -> None:
    statement = layer.grant(OrganizationId="o-1234567890")["Statement"]
    assert statement.endswith('"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1234567890"}}}')


def test_6_errors(layer: Layer) -> None:
    client, named = layer.client, layer.named
    nothing = not_found("No policy is associated with the given resource.")
    assert refusal(client.get_layer_version_policy, **named) == nothing
    assert refusal(client.remove_layer_version_permission, **named, StatementId="s1") == nothing
    layer.grant()
    assert refusal(client.add_layer_version_permission, **named, **READ) == conflict(
        "The statement id (s1) provided already exists. "
        "Please provide a new statement id, or remove the existing statement."
    )
    assert refusal(client.remove_layer_version_permission, **named, StatementId="doesnotexist") == not_found(
        "Statement doesnotexist is not found in resource policy."
    )
    wrong = failed_precondition("GetLayerPolicy")
    other = {**READ, "StatementId": "s2"}
    assert refusal(client.add_layer_version_permission, **named, **other, RevisionId="wrong") == wrong
    removing = {**named, "StatementId": "s1", "RevisionId": "wrong"}
    assert refusal(client.remove_layer_version_permission, **removing) == wrong
    assert refusal(client.add_layer_version_permission, **named, **{**READ, "Action": "*"}) == violation(
        "'*'", "action", "Member must satisfy regular expression pattern: lambda:GetLayerVersion"
    )


@pytest.mark.parametrize("missing", ["layer", "version"])
def test_6_what_is_missing_is_named_in_full(layer: Layer, missing: str) -> None:
    client = layer.client
    name, number = (unique(), 1) if missing == "layer" else (layer.name, 2)
    named = {"LayerName": name, "VersionNumber": number}
    told = not_found(f"Layer version arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{name}:{number} does not exist.")
    assert refusal(client.add_layer_version_permission, **named, **READ) == told
    assert refusal(client.get_layer_version_policy, **named) == told
    assert refusal(client.remove_layer_version_permission, **named, StatementId="s1") == told


def test_9_a_granted_account_reads_and_others_do_not(layer: Layer) -> None:
    friend, stranger = layer.server.client(account=FRIEND), layer.server.client(account=STRANGER)
    by_name = {"LayerName": layer.arn, "VersionNumber": 1}
    told = denied(FRIEND, "GetLayerVersion", layer.version_arn)
    assert refusal(friend.get_layer_version, **by_name) == told
    layer.grant(LayerName=layer.arn, Principal=FRIEND)
    assert friend.get_layer_version(**by_name)["LayerVersionArn"] == layer.version_arn
    assert friend.get_layer_version_by_arn(Arn=layer.version_arn)["LayerArn"] == layer.arn
    assert refusal(stranger.get_layer_version_by_arn, Arn=layer.version_arn) == denied(
        STRANGER, "GetLayerVersion", layer.version_arn
    )
    # From another region a grant is none.
    far = layer.server.client(account=FRIEND, region="eu-central-1")
    assert refusal(far.get_layer_version_by_arn, Arn=layer.version_arn) == told
    # Nothing else can be granted.
    assert refusal(friend.list_layer_versions, LayerName=layer.arn) == denied(FRIEND, "ListLayerVersions", layer.arn)
    assert refusal(friend.delete_layer_version, **by_name) == denied(FRIEND, "DeleteLayerVersion", layer.arn)
    assert refusal(friend.get_layer_version_policy, **by_name) == denied(FRIEND, "GetLayerVersionPolicy", layer.arn)


def test_9_a_grant_ends_with_its_statement(layer: Layer) -> None:
    friend = layer.server.client(account=FRIEND)
    layer.grant(Principal=f"arn:aws:iam::{FRIEND}:root")
    assert friend.get_layer_version_by_arn(Arn=layer.version_arn)["Version"] == 1
    layer.client.remove_layer_version_permission(**layer.named, StatementId="s1")
    assert refusal(friend.get_layer_version_by_arn, Arn=layer.version_arn) == denied(
        FRIEND, "GetLayerVersion", layer.version_arn
    )


@pytest.mark.parametrize("grant", [{"Principal": FRIEND}, {"Principal": "*"}, {"OrganizationId": "o-1234567890"}])
def test_9_a_shared_layer_is_attached_and_runs(layer: Layer, grant: dict[str, str]) -> None:
    friend, name = layer.server.client(account=FRIEND), unique()
    request = {
        "FunctionName": name,
        "Runtime": NEWEST,
        "Handler": "index.handler",
        "Role": ROLE,
        "Code": {"ZipFile": archive("import shared\ndef handler(event, context): return shared.VALUE")},
        "Layers": [layer.version_arn],
    }
    assert refusal(friend.create_function, **request) == denied(FRIEND, "GetLayerVersion", layer.version_arn)
    layer.grant(**grant)
    friend.create_function(**request)
    friend.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    # What is attached stays, whatever becomes of the grant and of the layer version.
    layer.client.remove_layer_version_permission(**layer.named, StatementId="s1")
    layer.client.delete_layer_version(**layer.named)
    assert json.loads(friend.invoke(FunctionName=name)["Payload"].read()) == "from a layer"
    shown = friend.get_function_configuration(FunctionName=name)
    assert [held["Arn"] for held in shown["Layers"]] == [layer.version_arn]
    friend.update_function_configuration(FunctionName=name, Description="d")
    wait_until(lambda: _updated(friend, name), 30)
    update = friend.update_function_configuration
    assert refusal(update, FunctionName=name, Layers=[layer.version_arn]) == denied(
        FRIEND, "GetLayerVersion", layer.version_arn
    )


def _updated(client: Any, name: str) -> bool:
    return bool(client.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful")


def test_5_a_deleted_version_is_shown_on_the_functions_that_use_it(layer: Layer) -> None:
    client, name = layer.client, unique()
    client.create_function(
        FunctionName=name,
        Runtime=NEWEST,
        Handler="index.handler",
        Role=ROLE,
        Code={"ZipFile": archive("def handler(event, context): return event")},
        Layers=[layer.version_arn],
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    before = client.get_function_configuration(FunctionName=name)
    client.delete_layer_version(**layer.named)
    after = client.get_function_configuration(FunctionName=name)
    del before["ResponseMetadata"], after["ResponseMetadata"]
    assert after == before
    assert refusal(client.update_function_configuration, FunctionName=name, Layers=[layer.version_arn]) == invalid(
        f"Layer version {layer.version_arn} does not exist."
    )
    # The policy went with the version.
    assert refusal(client.get_layer_version_policy, **layer.named) == not_found(
        f"Layer version {layer.version_arn} does not exist."
    )


def test_7_a_layer_of_another_region_is_refused_whatever_the_function(layer: Layer) -> None:
    far = layer.server.client(region="eu-central-1")
    told = invalid(
        "Layers are not in the same region as the function. Layers are expected to be in region eu-central-1."
    )
    request = {"Runtime": NEWEST, "Handler": "index.handler", "Role": ROLE, "Code": {"ZipFile": archive("x = 1")}}
    assert refusal(far.create_function, FunctionName="f", Layers=[layer.version_arn], **request) == told
