"""Errors of companions that cannot answer, in the form that the asked service's clients read. Pure."""

from __future__ import annotations

import json
from typing import Final

from lamina.companions.messages import Question, Reply

_XML: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
NOT_OFFERED: Final = "This server was started without the services beside Lambda: LAMINA_COMPANIONS is 0."
NOT_INSTALLED: Final = (
    "This server was installed without the services beside Lambda. "
    "Install them (./scripts/setup --aws, or pip install 'lamina[aws]') and start it again."
)


def refusal(question: Question, service: str, code: str, status: int, message: str) -> Reply:
    """The error *code* with *message*, as *service* would answer *question* with it.

    S3's errors are XML of their own, those of the query protocol another, all the rest is JSON; a question tells which
    by its form, so that no model has to be read for it.
    """
    from xml.sax.saxutils import escape  # noqa: PLC0415 - not needed to start, and comes with a client for HTTP

    if service == "s3":
        body = f"{_XML}<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        kind = "application/xml"
    elif (question.header("content-type") or "").startswith("application/x-www-form-urlencoded"):
        error = f"<Type>Receiver</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
        body = f"{_XML}<ErrorResponse><Error>{error}</Error></ErrorResponse>"
        kind = "text/xml"
    else:
        body = json.dumps({"__type": code, "message": message, "Message": message})
        kind = "application/x-amz-json-1.1"
    headers = [("Content-Type", kind), ("x-amzn-ErrorType", code)]
    return Reply(status, headers, body.encode(), len(body.encode()))
