"""Which log group a request means, and CloudWatch Logs' errors, each stated once."""

from __future__ import annotations

from lamina.errors import ApiError
from lamina.log_store.groups import GroupMissing, LogGroup, LogGroups
from lamina.logs.names import LogGroupArn
from lamina.operations.call import Call, Parameters


def invalid_parameter(message: str) -> ApiError:
    """A well-formed request that asks for what cannot be: 400, as all errors of the service are."""
    return ApiError("InvalidParameterException", 400, message, None)


def group_not_found() -> ApiError:
    return ApiError("ResourceNotFoundException", 400, "The specified log group does not exist.", None)


def stream_not_found() -> ApiError:
    return ApiError("ResourceNotFoundException", 400, "The specified log stream does not exist.", None)


def group_exists() -> ApiError:
    return ApiError("ResourceAlreadyExistsException", 400, "The specified log group already exists", None)


def stream_exists() -> ApiError:
    return ApiError("ResourceAlreadyExistsException", 400, "The specified log stream already exists", None)


def limit_exceeded() -> ApiError:
    return ApiError("LimitExceededException", 400, "Resource limit exceeded.", None)


def invalid_token() -> ApiError:
    return invalid_parameter("The specified nextToken is invalid.")


def named_group(call: Call, request: Parameters) -> LogGroupArn:
    """The group called `logGroupName`."""
    return LogGroupArn(call.scope, request["logGroupName"])


def identified_group(call: Call, request: Parameters) -> LogGroupArn:
    """The group by `logGroupName`, or by `logGroupIdentifier`, a name or an ARN."""
    name, identifier = request.get("logGroupName"), request.get("logGroupIdentifier")
    if name is not None and identifier is not None:
        raise invalid_parameter("LogGroup name and LogGroup ARN are mutually exclusive parameters.")
    if identifier is None:
        if name is None:
            raise invalid_parameter("Either logGroupName or logGroupIdentifier must be specified.")
        return LogGroupArn(call.scope, name)
    if not identifier.startswith("arn:"):
        return LogGroupArn(call.scope, identifier)
    return group_of_arn(call, identifier)


def group_of_arn(call: Call, arn: str) -> LogGroupArn:
    """The caller's own group *arn*; any other is refused as missing."""
    try:
        group = LogGroupArn.parse(arn)
    except ValueError:
        raise invalid_parameter(f"Invalid log group ARN: {arn}") from None
    if group.scope != call.scope:
        raise group_not_found()
    return group


def existing(groups: LogGroups, group: LogGroupArn) -> LogGroup:
    """The settings of *group*; the API's error where there is none."""
    try:
        return groups.find(group)
    except GroupMissing:
        raise group_not_found() from None
