"""Error rates by CloudWatch's metrics, as moto keeps them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from lamina.rollouts.consumers import Place
from lamina.rollouts.verdicts import Rates
from lamina.workshop.endpoint import Endpoint
from lamina.workshop.rollouts.rates import Watched, error_rates
from tests.support import foreign

PLACE = Place("", "us-east-1")
KEYS: dict[str, Any] = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": PLACE.region}
# Metrics are by the minute, and logs take nothing that is old.
MINUTE_MS = 60_000
SINCE_MS = (time.time_ns() // 1_000_000 // MINUTE_MS - 10) * MINUTE_MS
UNTIL_MS = SINCE_MS + 2 * MINUTE_MS


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with foreign.moto() as address:
        yield address


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")


def tell(moto: str, at_ms: int, invocations: int, errors: int, **dimensions: str) -> None:
    """What AWS would have counted in the minute of *at_ms*."""
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    counted = (("Invocations", invocations), ("Errors", errors))
    boto3.client("cloudwatch", endpoint_url=moto, **KEYS).put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": named,
                "Value": value,
                "Timestamp": datetime.fromtimestamp(at_ms / 1000, UTC),
            }
            for name, value in counted
        ],
    )


def rates(moto: str, *watched: Watched) -> dict[str, tuple[Rates, Rates]]:
    return error_rates(watched, lambda _place: Endpoint(moto, PLACE.region), SINCE_MS, UNTIL_MS)


def arn(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:123456789012:function:{name}"


def test_a_function_is_compared_with_itself_before(moto: str) -> None:
    plain = {"FunctionName": "plain", "Resource": "plain"}
    tell(moto, SINCE_MS - 3 * MINUTE_MS, 50, 50, **plain)
    tell(moto, SINCE_MS - MINUTE_MS, 10, 1, **plain)
    tell(moto, SINCE_MS, 20, 4, **plain)
    tell(moto, SINCE_MS + MINUTE_MS, 5, 1, **plain)
    watched = Watched(PLACE, arn("plain"), "plain", None, None, SINCE_MS)
    assert rates(moto, watched) == {arn("plain"): (Rates(10, 1), Rates(25, 5))}


def test_what_fails_while_the_roll_out_is_at_work_is_not_held_against_the_old_layers(moto: str) -> None:
    slow = {"FunctionName": "slow", "Resource": "slow"}
    tell(moto, SINCE_MS - 3 * MINUTE_MS, 10, 1, **slow)
    # In the first of these minutes it was changed.
    for minutes in (2, 1):
        tell(moto, SINCE_MS - minutes * MINUTE_MS, 10, 9, **slow)
    tell(moto, SINCE_MS, 10, 9, **slow)
    watched = Watched(PLACE, arn("slow"), "slow", None, None, SINCE_MS - 2 * MINUTE_MS + 1)
    assert rates(moto, watched) == {arn("slow"): (Rates(10, 1), Rates(10, 9))}


def test_of_an_alias_the_new_version_is_compared_with_all_others_before(moto: str) -> None:
    alias = {"FunctionName": "led", "Resource": "led:live"}
    tell(moto, SINCE_MS - MINUTE_MS, 100, 2, **alias)
    # The alias is moved some time before the bake begins.
    tell(moto, SINCE_MS - MINUTE_MS, 8, 8, **alias)
    tell(moto, SINCE_MS - MINUTE_MS, 8, 8, **alias, ExecutedVersion="2")
    tell(moto, SINCE_MS, 100, 12, **alias)
    tell(moto, SINCE_MS, 10, 9, **alias, ExecutedVersion="2")
    watched = Watched(PLACE, arn("led"), "led", "live", "2", SINCE_MS - 2 * MINUTE_MS)
    assert rates(moto, watched) == {arn("led"): (Rates(100, 2), Rates(10, 9))}


def test_without_metrics_the_logs_tell(moto: str) -> None:
    logs = boto3.client("logs", endpoint_url=moto, **KEYS)
    group, stream = "/aws/lambda/quiet", "2026/09/21/[$LATEST]0a"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    report = "REPORT RequestId: x\tDuration: 1.00 ms\t\n"
    lines = [(SINCE_MS - 5, report), (SINCE_MS + 5, "[ERROR] KeyError: 'a'\n"), (SINCE_MS + 6, report)]
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": at_ms, "message": line} for at_ms, line in lines],
    )
    iam, lambda_ = (boto3.client(service, endpoint_url=moto, **KEYS) for service in ("iam", "lambda"))
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    for name in ("quiet", "silent"):
        lambda_.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="a.b",
            Role=role,
            Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
        )
    watched = [Watched(PLACE, arn(name), name, None, None, SINCE_MS) for name in ("quiet", "silent")]
    # What metrics told of the time before says nothing of the later minutes, which they may still owe.
    tell(moto, SINCE_MS - MINUTE_MS, 10, 0, FunctionName="quiet", Resource="quiet")
    # Whom nobody invoked there is nothing to tell of.
    assert rates(moto, *watched) == {arn("quiet"): (Rates(1, 0), Rates(1, 1))}
