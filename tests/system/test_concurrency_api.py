"""Reserved and provisioned concurrency: api.md sections 15 and 16, on a real server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support import functions
from tests.support.functions import Function, client_of, unique, wait_until
from tests.support.refusals import conflict, invalid, not_found, refusal
from tests.support.server import Server

SLEEPER = """
import os, time
def handler(event, context):
    time.sleep((event or {}).get("seconds", 0))
    return {"how": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], "version": context.function_version}
"""
MISSING = "arn:aws:lambda:us-east-1:000000000000:function:missing"


@pytest.fixture
def function(shared_server: Server) -> Iterator[Function]:
    made = functions.create(shared_server, SLEEPER)
    yield made
    made.client.delete_function(FunctionName=made.name)


def reserve(function: Function, count: int) -> Any:
    return function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=count)


def publish(function: Function) -> str:
    wait_until(lambda: function.settled, 30)
    version: str = function.client.publish_version(FunctionName=function.name)["Version"]
    return version


def provision(function: Function, qualifier: str, count: int) -> Any:
    return function.client.put_provisioned_concurrency_config(
        FunctionName=function.name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count
    )


def provisioned(function: Function, qualifier: str) -> Any:
    return function.client.get_provisioned_concurrency_config(FunctionName=function.name, Qualifier=qualifier)


def settled(function: Function, qualifier: str) -> Any:
    def look() -> Any:
        found = provisioned(function, qualifier)
        return found if found["Status"] != "IN_PROGRESS" else None

    return wait_until(look, 30)


def test_15_1_put_get_and_delete_and_what_get_function_shows(function: Function) -> None:
    client = function.client
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=function.name)
    assert reserve(function, 3)["ReservedConcurrentExecutions"] == 3
    assert client.get_function_concurrency(FunctionName=function.name)["ReservedConcurrentExecutions"] == 3
    assert client.get_function(FunctionName=function.name)["Concurrency"] == {"ReservedConcurrentExecutions": 3}
    gone = client.delete_function_concurrency(FunctionName=function.name)
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "Concurrency" not in client.get_function(FunctionName=function.name)


def test_15_2_missing_functions_are_told_in_two_ways(shared_server: Server) -> None:
    client = client_of(shared_server)
    put = refusal(client.put_function_concurrency, FunctionName="missing", ReservedConcurrentExecutions=1)
    assert put == not_found(f"Function not found: {MISSING}:$LATEST")
    get = refusal(client.get_function_concurrency, FunctionName="missing")
    assert get == not_found(f"Function not found: {MISSING}")


def test_15_2_aliases_and_versions_reserve_nothing(function: Function) -> None:
    name = f"{function.name}:$LATEST"
    put = refusal(function.client.put_function_concurrency, FunctionName=name, ReservedConcurrentExecutions=1)
    assert put == invalid(
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
        "Please specify either a function name or an unqualified function ARN.",
    )


def test_2_1_an_account_that_the_policy_lets_in_reserves_in_the_owners_name(function: Function) -> None:
    other = function.server.client(account="210987654321")
    arn = function.client.get_function_configuration(FunctionName=function.name)["FunctionArn"]
    denied = refusal(other.put_function_concurrency, FunctionName=arn, ReservedConcurrentExecutions=1)
    assert denied[:2] == (403, "AccessDeniedException")
    function.client.add_permission(
        FunctionName=function.name, StatementId="other", Principal="210987654321", Action="lambda:*"
    )
    other.put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=1)
    reserved = function.client.get_function_concurrency(FunctionName=function.name)
    assert reserved["ReservedConcurrentExecutions"] == 1
    assert other.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000
    other.delete_function_concurrency(FunctionName=arn)


def test_15_2_a_tenth_of_the_account_stays_unreserved(function: Function) -> None:
    put = refusal(
        function.client.put_function_concurrency, FunctionName=function.name, ReservedConcurrentExecutions=901
    )
    assert put == invalid(
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
        "its minimum value of [100].",
    )


def test_15_3_zero_blocks_a_function_at_once(function: Function) -> None:
    assert function.value()["version"] == "$LATEST"
    reserve(function, 0)
    with pytest.raises(function.client.exceptions.TooManyRequestsException) as caught:
        function.call()
    body = caught.value.response
    assert body["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert (body["Reason"], body["Type"]) == ("ReservedFunctionConcurrentInvocationLimitExceeded", "User")
    assert body["message"] == "Rate Exceeded."
    function.client.delete_function_concurrency(FunctionName=function.name)
    assert function.value()["version"] == "$LATEST"


def test_15_3_calls_above_the_reservation_are_throttled_and_those_below_run(function: Function) -> None:
    reserve(function, 2)
    function.value()
    refused = threading.Semaphore(0)

    def call(_: int) -> str:
        try:
            function.client.invoke(FunctionName=function.name, Payload=json.dumps({"seconds": 1.5}))
        except function.client.exceptions.TooManyRequestsException as error:
            refused.release()
            return str(error.response["Reason"])
        return "ran"

    with ThreadPoolExecutor(5) as pool:
        outcomes = sorted(pool.map(call, range(5)))
    assert outcomes == ["ReservedFunctionConcurrentInvocationLimitExceeded"] * 3 + ["ran", "ran"]
    assert function.value()["version"] == "$LATEST"


def test_16_1_environments_are_really_kept_and_say_so(function: Function) -> None:
    version = publish(function)
    answer = provision(function, version, 2)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["Status"] == "IN_PROGRESS"
    assert answer["AllocatedProvisionedConcurrentExecutions"] == answer["AvailableProvisionedConcurrentExecutions"] == 0
    ready = settled(function, version)
    assert ready["Status"] == "READY"
    assert "StatusReason" not in ready
    counts = [ready[f"{which}ProvisionedConcurrentExecutions"] for which in ("Requested", "Allocated", "Available")]
    assert counts == [2, 2, 2]
    warm = function.call({}, Qualifier=version)
    assert warm.value == {"how": "provisioned-concurrency", "version": version}
    assert function.call({}).value == {"how": "on-demand", "version": "$LATEST"}


def test_16_2_busy_provisioned_environments_spill_over_to_on_demand(function: Function) -> None:
    version = publish(function)
    provision(function, version, 1)
    assert settled(function, version)["Status"] == "READY"

    def call(_: int) -> str:
        return str(function.call({"seconds": 1}, Qualifier=version).value["how"])

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(call, range(2))) == ["on-demand", "provisioned-concurrency"]


def test_16_1_a_function_that_cannot_be_initialised_is_said_to_fail(shared_server: Server) -> None:
    broken = functions.create(shared_server, "raise Exception('no')")
    version = publish(broken)
    provision(broken, version, 1)
    failed = settled(broken, version)
    assert (failed["Status"], failed["StatusReason"]) == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE")
    assert failed["AllocatedProvisionedConcurrentExecutions"] == failed["AvailableProvisionedConcurrentExecutions"] == 0
    broken.client.delete_function(FunctionName=broken.name)


def test_16_2_moving_an_alias_moves_its_environments_and_deleting_it_ends_them(function: Function) -> None:
    client = function.client
    first = publish(function)
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion=first)
    provision(function, "live", 1)
    assert settled(function, "live")["Status"] == "READY"
    assert function.call({}, Qualifier=first).value["how"] == "provisioned-concurrency", "whoever names the version"
    function.update(Description="other")
    second = publish(function)
    client.update_alias(FunctionName=function.name, Name="live", FunctionVersion=second)
    wait_until(lambda: provisioned(function, "live")["Status"] == "READY", 30)
    assert function.call({}, Qualifier="live").value == {"how": "provisioned-concurrency", "version": second}
    wait_until(lambda: function.call({}, Qualifier=first).value["how"] == "on-demand")
    absent = refusal(client.get_provisioned_concurrency_config, FunctionName=function.name, Qualifier=second)
    assert absent[1] == "ProvisionedConcurrencyConfigNotFoundException"
    client.delete_alias(FunctionName=function.name, Name="live")
    listed = client.list_provisioned_concurrency_configs(FunctionName=function.name)
    assert listed["ProvisionedConcurrencyConfigs"] == []
    wait_until(lambda: function.call({}, Qualifier=second).value["how"] == "on-demand")


def test_3_6_provisioning_an_alias_gives_the_version_behind_it_another_revision(function: Function) -> None:
    client, version = function.client, publish(function)

    def revision(qualifier: str) -> str:
        told: str = client.get_function_configuration(FunctionName=function.name, Qualifier=qualifier)["RevisionId"]
        return told

    alias = client.create_alias(FunctionName=function.name, Name="live", FunctionVersion=version)["RevisionId"]
    latest, before = revision("$LATEST"), revision(version)
    provision(function, "live", 1)
    assert revision(version) == revision("live") != before
    assert settled(function, "live")["Status"] == "READY"
    assert revision("$LATEST") == latest
    assert client.get_alias(FunctionName=function.name, Name="live")["RevisionId"] == alias


def test_16_2_a_version_is_provisioned_by_itself_or_by_one_alias(function: Function) -> None:
    client = function.client
    version = publish(function)
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion=version)
    provision(function, version, 1)
    by_alias = refusal(provision, function=function, qualifier="live", count=1)
    assert by_alias == conflict(
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
    )
    client.delete_provisioned_concurrency_config(FunctionName=function.name, Qualifier=version)
    provision(function, "live", 1)
    by_version = refusal(provision, function=function, qualifier=version, count=1)
    assert by_version == conflict("Version is pointed by a Provisioned Concurrency alias")


def test_16_2_an_alias_without_one_published_version_is_not_provisioned(function: Function) -> None:
    client = function.client
    first = publish(function)
    function.update(Description="other")
    second = publish(function)
    client.create_alias(FunctionName=function.name, Name="newest", FunctionVersion="$LATEST")
    unpublished = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    assert refusal(provision, function=function, qualifier="newest", count=1) == invalid(unpublished)
    routing = {"AdditionalVersionWeights": {second: 0.5}}
    client.create_alias(FunctionName=function.name, Name="both", FunctionVersion=first, RoutingConfig=routing)
    weighted = refusal(provision, function=function, qualifier="both", count=1)
    assert weighted == invalid("Alias with weights can not be used with Provisioned Concurrency")


def test_16_3_what_is_not_there_is_told_by_its_kind(function: Function) -> None:
    client = function.client
    version = publish(function)
    named = {"FunctionName": function.name}
    arn = client.get_function_configuration(**named)["FunctionArn"]
    for operation in (client.get_provisioned_concurrency_config, client.delete_provisioned_concurrency_config):
        assert refusal(operation, Qualifier="nope", **named) == not_found(f"Cannot find alias arn: {arn}:nope")
        assert refusal(operation, Qualifier="9", **named) == not_found(f"Function not found: {arn}:9")
        assert refusal(operation, Qualifier="$LATEST", **named) == invalid(
            "The function resource provided must be an alias or a published version."
        )
        assert refusal(operation, FunctionName="missing", Qualifier="x")[2] == f"Cannot find alias arn: {MISSING}:x"
    assert refusal(client.get_provisioned_concurrency_config, Qualifier=version, **named) == (
        404,
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )
    gone = client.delete_provisioned_concurrency_config(Qualifier=version, **named)
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(provision, function=function, qualifier="$LATEST", count=1)[2] == (
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    )
    listed = refusal(client.list_provisioned_concurrency_configs, FunctionName="missing")
    assert listed[2] == f"Function not found: {MISSING}"


def test_16_3_provisioned_stays_within_reserved_and_reserved_above_provisioned(function: Function) -> None:
    version = publish(function)
    reserve(function, 1)
    assert refusal(provision, function=function, qualifier=version, count=2)[2] == (
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
    )
    reserve(function, 2)
    provision(function, version, 2)
    assert refusal(reserve, function=function, count=1)[2] == (
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2]."
    )
    assert settled(function, version)["Status"] == "READY"
    with pytest.raises(function.client.exceptions.TooManyRequestsException):
        function.call({})
    assert function.call({}, Qualifier=version).value["how"] == "provisioned-concurrency"


def test_16_4_the_accounts_quota_bounds_what_is_provisioned(function: Function) -> None:
    version = publish(function)
    above = refusal(provision, function=function, qualifier=version, count=5000)[2]
    assert above is not None
    assert "is greater than account's unreserved concurrency [" in above
    assert refusal(provision, function=function, qualifier=version, count=950)[2] == (
        "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
        "minimum value of [100]."
    )


def test_16_2_provisioned_environments_are_there_again_after_kill_9(tmp_path: Path) -> None:
    server = Server.start(tmp_path / "state")
    function = functions.create(server, SLEEPER, name=unique())
    version = publish(function)
    provision(function, version, 1)
    assert settled(function, version)["Status"] == "READY"
    server.kill()
    with Server.started(server.state) as successor:
        moved = function.on(successor)
        assert settled(moved, version)["Status"] == "READY"
        assert moved.call({}, Qualifier=version).value["how"] == "provisioned-concurrency"
