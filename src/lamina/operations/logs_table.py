"""Which method answers which operation of CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Mapping

from lamina.log_store.groups import LogGroups
from lamina.log_store.reading import LogReader
from lamina.log_store.writing import LogWriter
from lamina.operations.call import Handler
from lamina.operations.log_events import LogEventOperations
from lamina.operations.log_groups import LogGroupOperations
from lamina.operations.log_streams import LogStreamOperations
from lamina.operations.stamps import Stamps


def log_handlers(groups: LogGroups, writer: LogWriter, reader: LogReader, stamps: Stamps) -> Mapping[str, Handler]:
    """Operation name -> handler, for every operation that is built."""
    of_groups = LogGroupOperations(groups, writer, reader, stamps)
    streams = LogStreamOperations(groups, writer, reader, stamps)
    events = LogEventOperations(groups, writer, reader, streams, stamps)
    return {
        "CreateLogGroup": of_groups.create_log_group,
        "DeleteLogGroup": of_groups.delete_log_group,
        "DescribeLogGroups": of_groups.describe_log_groups,
        "PutLogGroupDeletionProtection": of_groups.put_log_group_deletion_protection,
        "PutRetentionPolicy": of_groups.put_retention_policy,
        "DeleteRetentionPolicy": of_groups.delete_retention_policy,
        "TagResource": of_groups.tag_resource,
        "UntagResource": of_groups.untag_resource,
        "ListTagsForResource": of_groups.list_tags_for_resource,
        "TagLogGroup": of_groups.tag_log_group,
        "UntagLogGroup": of_groups.untag_log_group,
        "ListTagsLogGroup": of_groups.list_tags_log_group,
        "CreateLogStream": streams.create_log_stream,
        "DeleteLogStream": streams.delete_log_stream,
        "DescribeLogStreams": streams.describe_log_streams,
        "PutLogEvents": events.put_log_events,
        "GetLogEvents": events.get_log_events,
        "FilterLogEvents": events.filter_log_events,
    }
