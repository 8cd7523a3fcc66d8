"""Log groups: made, shown, kept for a time, tagged, deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lamina import errors
from lamina.log_store.groups import GroupExists, GroupMissing, LogGroup, LogGroups
from lamina.log_store.reading import LogReader
from lamina.log_store.writing import LogWriter
from lamina.logs.names import LogGroupArn
from lamina.logs.retention import DAYS, is_allowed
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.log_addresses import (
    existing,
    group_exists,
    group_not_found,
    group_of_arn,
    identified_group,
    invalid_parameter,
    invalid_token,
    named_group,
)
from lamina.operations.stamps import Stamps

_PAGE = 50
_TAGS_MAX = 50


class LogGroupOperations:
    """The operations on groups themselves."""

    def __init__(self, groups: LogGroups, writer: LogWriter, reader: LogReader, stamps: Stamps) -> None:
        self._groups, self._writer, self._reader, self._stamps = groups, writer, reader, stamps

    def create_log_group(self, call: Call, request: Parameters) -> Output:
        if request.get("kmsKeyId"):
            raise invalid_parameter("Lamina does not support kmsKeyId: logs are kept as they are")
        group = LogGroup(
            request["logGroupName"],
            self._now_ms(),
            group_class=request.get("logGroupClass") or "STANDARD",
            deletion_protected=bool(request.get("deletionProtectionEnabled")),
            tags=dict(request.get("tags") or {}),
        )
        try:
            self._groups.create(named_group(call, request), group)
        except GroupExists:
            raise group_exists() from None
        return {}

    def delete_log_group(self, call: Call, request: Parameters) -> Output:
        arn = named_group(call, request)
        if existing(self._groups, arn).deletion_protected:
            raise errors.ApiError(
                "ValidationException", 400, "The log group cannot be deleted: deletion protection is enabled.", None
            )
        try:
            self._groups.delete(arn)
        except GroupMissing:
            raise group_not_found() from None
        self._writer.forget(arn)
        return {}

    def put_log_group_deletion_protection(self, call: Call, request: Parameters) -> Output:
        on = request["deletionProtectionEnabled"]
        self._change(identified_group(call, request), lambda group: replace(group, deletion_protected=on))
        return {}

    def describe_log_groups(self, call: Call, request: Parameters) -> Output:
        prefix, pattern = request.get("logGroupNamePrefix"), request.get("logGroupNamePattern")
        if prefix and pattern:
            raise invalid_parameter("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
        if request.get("includeLinkedAccounts") or request.get("accountIdentifiers"):
            raise invalid_parameter("Lamina does not support includeLinkedAccounts: no account is linked to another")
        wanted, group_class = self._identified(call, request), request.get("logGroupClass")
        after = _after(request)
        found = [
            group
            for group in self._groups.all(call.scope)
            if group.name > after
            and group.name.startswith(prefix or "")
            and (pattern or "") in group.name
            and (wanted is None or group.name in wanted)
            and group_class in (None, group.group_class)
        ]
        size = request.get("limit", _PAGE)
        token = found[size - 1].name if len(found) > size else None
        return {"logGroups": [self._described(call, group) for group in found[:size]], "nextToken": token}

    def put_retention_policy(self, call: Call, request: Parameters) -> Output:
        days = request["retentionInDays"]
        if not is_allowed(days):
            raise invalid_parameter(
                f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{', '.join(map(str, DAYS))}]"
            )
        self._change(named_group(call, request), lambda group: replace(group, retention_days=days))
        return {}

    def delete_retention_policy(self, call: Call, request: Parameters) -> Output:
        self._change(named_group(call, request), lambda group: replace(group, retention_days=None))
        return {}

    def tag_resource(self, call: Call, request: Parameters) -> Output:
        return self._tag(group_of_arn(call, request["resourceArn"]), request["tags"])

    def tag_log_group(self, call: Call, request: Parameters) -> Output:
        return self._tag(named_group(call, request), request["tags"])

    def untag_resource(self, call: Call, request: Parameters) -> Output:
        return self._untag(group_of_arn(call, request["resourceArn"]), request["tagKeys"])

    def untag_log_group(self, call: Call, request: Parameters) -> Output:
        return self._untag(named_group(call, request), request["tags"])

    def list_tags_for_resource(self, call: Call, request: Parameters) -> Output:
        return {"tags": dict(existing(self._groups, group_of_arn(call, request["resourceArn"])).tags)}

    def list_tags_log_group(self, call: Call, request: Parameters) -> Output:
        return {"tags": dict(existing(self._groups, named_group(call, request)).tags)}

    def _tag(self, arn: LogGroupArn, tags: Mapping[str, str]) -> Output:
        def tagged(group: LogGroup) -> LogGroup:
            together = {**group.tags, **tags}
            if len(together) > _TAGS_MAX:
                raise errors.ApiError("TooManyTagsException", 400, "The number of tags exceeds the limit of 50.", None)
            return replace(group, tags=together)

        self._change(arn, tagged)
        return {}

    def _untag(self, arn: LogGroupArn, keys: list[str]) -> Output:
        gone = frozenset(keys)
        self._change(
            arn, lambda group: replace(group, tags={key: group.tags[key] for key in group.tags if key not in gone})
        )
        return {}

    def _change(self, arn: LogGroupArn, how: Callable[[LogGroup], LogGroup]) -> None:
        try:
            self._groups.change(arn, how)
        except GroupMissing:
            raise group_not_found() from None

    def _identified(self, call: Call, request: Parameters) -> frozenset[str] | None:
        identifiers = request.get("logGroupIdentifiers")
        if not identifiers:
            return None
        return frozenset(identified_group(call, {"logGroupIdentifier": each}).name for each in identifiers)

    def _described(self, call: Call, group: LogGroup) -> dict[str, Any]:
        arn = LogGroupArn(call.scope, group.name)
        return {
            "logGroupName": group.name,
            "creationTime": group.created_ms,
            "retentionInDays": group.retention_days,
            "metricFilterCount": 0,
            "arn": f"{arn}:*",
            "storedBytes": self._reader.stored_bytes(self._groups.folder(arn)),
            "logGroupClass": group.group_class,
            "logGroupArn": str(arn),
            "deletionProtectionEnabled": group.deletion_protected,
        }

    def _now_ms(self) -> int:
        return int(self._stamps.seconds() * 1000)


def _after(request: Parameters) -> str:
    token: str = request.get("nextToken", "")
    if len(token) > 512:
        raise invalid_token()
    return token
