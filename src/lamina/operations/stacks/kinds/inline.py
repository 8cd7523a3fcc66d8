"""Code that stands in a template itself: one file, and beside it the module by which custom resources answer."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from lamina.operations.stacks.kinds.kind import Failed

# The module `cfnresponse` that AWS puts beside inline code; its interface is documented, the text is ours.
_PYTHON = '''\
"""Answers a custom resource's request, as AWS's module of this name does."""
import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    answer = {
        "Status": responseStatus,
        "Reason": reason or "See the details in CloudWatch Log Stream: %s" % context.log_stream_name,
        "PhysicalResourceId": physicalResourceId or context.log_stream_name,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), {"Content-Type": ""})
    request.get_method = lambda: "PUT"
    urllib.request.urlopen(request, timeout=30).close()
'''
_NODE = """\
// Answers a custom resource's request, as AWS's module of this name does.
exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";
exports.send = (event, context, status, data, physicalResourceId, noEcho) => new Promise((resolve, reject) => {
  const body = JSON.stringify({
    Status: status,
    Reason: `See the details in CloudWatch Log Stream: ${context.logStreamName}`,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: data,
  });
  const url = new URL(event.ResponseURL);
  const client = require(url.protocol === "https:" ? "https" : "http");
  const headers = { "content-type": "", "content-length": Buffer.byteLength(body) };
  const request = client.request(url, { method: "PUT", headers }, (response) => {
    response.resume();
    resolve(context.done && context.done());
  });
  request.on("error", reject);
  request.end(body);
});
"""
_CHARACTERS_MAX = 4 * 1024 * 1024


def archive(text: str, runtime: str, handler: Any) -> bytes:
    """The archive of a function whose code is *text*: the same for the same text; raises Failed."""
    if runtime.startswith("python"):
        name, beside = "index.py", ("cfnresponse.py", _PYTHON)
    elif runtime.startswith("nodejs"):
        name, beside = "index.js", ("cfnresponse.js", _NODE)
    else:
        raise Failed(f"ZipFile can only be used when Runtime is set to either of nodejs, python: {runtime or handler}")
    if len(text) > _CHARACTERS_MAX:
        raise Failed("The Code/ZipFile property is too long")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive_file:
        for entry, content in ((name, text), beside):
            # zipfile's default date is that of today; this one makes archives of one text equal.
            archive_file.writestr(zipfile.ZipInfo(entry, (2020, 1, 1, 0, 0, 0)), content)
    return packed.getvalue()
