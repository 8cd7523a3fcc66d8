"""Who is told how an asynchronous invocation ended: another function, or a queue, topic, event bus or bucket. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lamina import errors
from lamina.names import FunctionArn, Scope, parse_function_name

_ARN = re.compile(
    r"arn:aws[a-zA-Z0-9-]*:(?P<service>[a-zA-Z0-9-]+):(?P<region>[^:]*):(?P<account>\d{12}|):(?P<name>.+)"
)
_EVENT_BUS = "event-bus/"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A destination in another AWS service; `service` as boto3 calls it. A bucket has neither account nor region."""

    service: str
    arn: str
    account: str
    region: str
    name: str


def destination(arn: str, function: FunctionArn) -> FunctionArn | Elsewhere:
    """What *arn* names as a destination of *function*; an error for what cannot be delivered to."""
    found = _ARN.fullmatch(arn)
    if found is None:
        raise errors.not_supported(f"destinations in this ({arn})", "it is no ARN of a service that takes records.")
    if found["service"] == "lambda":
        return _function(arn, function)
    elsewhere = read(arn)
    if elsewhere is None:
        raise errors.not_supported(
            f"destinations in {found['service']} ({arn})",
            "records are delivered to Lambda, SQS, SNS, EventBridge and, of failures, S3.",
        )
    return elsewhere


def read(arn: str) -> Elsewhere | None:
    """The queue, topic, event bus or bucket that *arn* names, a configuration's or a dead-letter queue's."""
    found = _ARN.fullmatch(arn)
    if found is None:
        return None
    service, region, account, name = found.group("service", "region", "account", "name")
    if service == "s3":
        return Elsewhere(service, arn, account, region, name)
    if not region or not account or service not in ("sqs", "sns", "events"):
        return None
    if service == "events":
        if not name.startswith(_EVENT_BUS):
            return None
        name = name.removeprefix(_EVENT_BUS)
    return Elsewhere(service, arn, account, region, name)


def check_success(target: FunctionArn | Elsewhere) -> None:
    """Raise an error for what takes records of failures only."""
    if isinstance(target, Elsewhere) and target.service == "s3":
        raise errors.invalid_parameter_value(
            f"The destination ARN {target.arn} is invalid: an Amazon S3 bucket can be an OnFailure destination only."
        )


def invalid_destination(arn: str) -> errors.ApiError:
    """AWS's error about a destination that is not there, or may not be used."""
    return errors.invalid_parameter_value(f"The destination ARN {arn} is invalid.")


def _function(arn: str, function: FunctionArn) -> FunctionArn:
    try:
        parsed = parse_function_name(arn)
    except ValueError:
        raise invalid_destination(arn) from None
    scope = Scope(parsed.account or function.scope.account, parsed.region or function.scope.region)
    if scope != function.scope:
        raise invalid_destination(arn)
    if parsed.name == function.name:
        raise errors.invalid_parameter_value("You can't specify the function as a destination for itself.")
    return FunctionArn(scope, parsed.name, parsed.qualifier)
