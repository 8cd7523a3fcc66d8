"""Requests whose address is itself what proves that they may be made, as presigned ones of S3 do on AWS."""

from __future__ import annotations

from lamina.gateway import function_urls
from lamina.gateway.messages import Request
from lamina.operations import content
from lamina.operations.stacks import answers


def proves_itself(request: Request) -> bool:
    """Whether *request* is for an archive, or answers for a custom resource: both at addresses nobody could guess."""
    if function_urls.addressed(request) is not None:
        return False
    path = request.path
    return path.startswith(content.PREFIX) or (request.method == "PUT" and path.startswith(answers.PREFIX))
