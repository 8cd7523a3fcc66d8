"""Function URLs: their configuration, the event a request becomes, and the answer a result becomes. Pure.

Both forms are AWS's payload format 2.0. A URL is served by the very server that has the function:

    http://127.0.0.1:4566/_lamina/url/<id>/some/path

and, for whoever needs the path to begin at the root, under any host name that begins with `<id>.lambda-url.`.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, unquote_plus

from lamina.names import FunctionArn

PREFIX = "/_lamina/url/"
HOST_LABEL = ".lambda-url."
BUFFERED = "BUFFERED"
RESPONSE_STREAM = "RESPONSE_STREAM"
# The type by which a streamed response says that it begins with its status and headers.
INTEGRATION = "application/vnd.awslambda.http-integration-response"
PRELUDE_END = bytes(8)
# As much as a server of ours would take as the head of a request.
PRELUDE_BYTES_MAX = 64 * 1024
IAM = "AWS_IAM"


# Headers that are the connection's business and not the function's.
_CONNECTIONS = frozenset(("connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"))


@dataclass(frozen=True, slots=True)
class Url:
    """A function URL's configuration. `cors` is as the API shows it; times are text, as the API shows them."""

    auth: str
    mode: str
    cors: Mapping[str, Any] | None
    created: str
    modified: str

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Url:
        return cls(**document)

    def written(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose signature a request to a URL has: nobody's where `account` is empty.

    `organization` may be empty. `arn` and `id` name the caller as STS would: a user, a session of a role, an account.
    Unless it `is_proved`, all of it is what the request claims.
    """

    account: str = ""
    organization: str = ""
    access_key: str = ""
    arn: str = ""
    id: str = ""
    is_proved: bool = True


@dataclass(frozen=True, slots=True)
class UrlRequest:
    """One HTTP request to a function URL. `path` and `query` are as they came, still encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    host: str
    source_ip: str
    signer: Signer = Signer()


@dataclass(frozen=True, slots=True)
class UrlAnswer:
    """What the client of a function URL gets; the body in pieces where the function streams it."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes | AsyncIterator[bytes]


def create(request: Mapping[str, Any], now: str) -> Url:
    """The configuration that a CreateFunctionUrlConfig *request* describes."""
    mode = request.get("InvokeMode") or BUFFERED
    return Url(request["AuthType"], mode, request.get("Cors") or None, now, now)


def update(before: Url, request: Mapping[str, Any], now: str) -> Url:
    """*before* with the members that an UpdateFunctionUrlConfig *request* sends; Cors is replaced whole."""
    cors = request.get("Cors")
    return replace(
        before,
        auth=request.get("AuthType") or before.auth,
        mode=request.get("InvokeMode") or before.mode,
        cors=before.cors if cors is None else (cors or None),
        modified=now,
    )


def describe(url: Url, arn: FunctionArn, location: str) -> dict[str, Any]:
    """The FunctionUrlConfig; *arn* is qualified where the URL is an alias's."""
    members: dict[str, Any] = {
        "FunctionUrl": location,
        "FunctionArn": str(arn),
        "AuthType": url.auth,
        "CreationTime": url.created,
        "LastModifiedTime": url.modified,
        "InvokeMode": url.mode,
    }
    return members if url.cors is None else {**members, "Cors": dict(url.cors)}


def event(url_id: str, account: str | None, request: UrlRequest, request_id: str, now: float) -> bytes:
    """The event, in payload format 2.0, that *request* becomes.

    *account* is the function's where the URL asks for a signature; None where anybody may call.
    """
    moment = datetime.fromtimestamp(now, UTC)
    headers = {name: value for name, value in request.headers.items() if name != "cookie"}
    cookies = [each.strip() for each in request.headers.get("cookie", "").split(";") if each.strip()]
    body, encoded = _as_text(request)
    members: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(request.path),
        "rawQueryString": request.query,
        **({"cookies": cookies} if cookies else {}),
        "headers": headers,
        **({"queryStringParameters": _parameters(request.query)} if request.query else {}),
        "requestContext": {
            "accountId": account or "anonymous",
            "apiId": url_id,
            **({"authorizer": {"iam": _iam(request.signer)}} if account else {}),
            "domainName": request.host,
            "domainPrefix": url_id,
            "http": {
                "method": request.method,
                "path": unquote(request.path),
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": request.headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": f"{moment:%d/%b/%Y:%H:%M:%S +0000}",
            "timeEpoch": int(now * 1000),
        },
        **({"body": body} if request.body else {}),
        "isBase64Encoded": encoded,
    }
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()


def answer(payload: bytes, content_type: str | None = None) -> UrlAnswer:
    """What a function's result becomes: an object with a statusCode says it all, anything else is the body.

    *content_type* is what the runtime said of it: a response that was meant to be streamed begins with its head.
    """
    if content_type == INTEGRATION:
        prelude, end, body = payload.partition(PRELUDE_END)
        return begun(prelude, body) if end else failed()
    try:
        result = json.loads(payload)
    except (ValueError, RecursionError):
        # A runtime of the customer's own may answer anything.
        return UrlAnswer(200, [("Content-Type", "application/json")], payload)
    if not isinstance(result, Mapping) or "statusCode" not in result:
        plain = result.encode() if isinstance(result, str) else payload
        return UrlAnswer(200, [("Content-Type", "application/json")], plain)
    try:
        return _headed(result, _body(result), "application/json")
    except (TypeError, ValueError, AttributeError, binascii.Error):
        return failed()


def begun(prelude: bytes, body: bytes | AsyncIterator[bytes]) -> UrlAnswer:
    """The answer with the status, headers and cookies that a streamed response's *prelude* says, and *body*."""
    try:
        said = json.loads(prelude)
        return _headed({"statusCode": 200, **said}, body, "application/octet-stream")
    except (TypeError, ValueError, AttributeError, RecursionError):
        return failed()


def streamed(content_type: str | None, body: bytes | AsyncIterator[bytes]) -> UrlAnswer:
    """The answer with a *body* that is streamed as it is, without a prelude."""
    kind = content_type or "application/octet-stream"
    return UrlAnswer(200, [("Content-Type", "application/octet-stream" if _breaks_lines(kind) else kind)], body)


def failed() -> UrlAnswer:
    """What the client gets for a function that fails, or whose result is no answer."""
    return _message(502, "Internal Server Error")


def refused() -> UrlAnswer:
    """What the client gets who may not call this URL."""
    return _message(403, "Forbidden")


def missing() -> UrlAnswer:
    """What the client gets where there is no such URL."""
    return _message(404, "Not Found")


def throttled() -> UrlAnswer:
    """What the client gets while as many calls are under way as may be."""
    return _message(429, "Too Many Requests")


def cors_headers(url: Url, origin: str | None) -> list[tuple[str, str]]:
    """The headers that let a page of *origin* read an answer, as far as the configuration allows it."""
    cors = url.cors or {}
    origins = cors.get("AllowOrigins") or ()
    if origin is None or not ("*" in origins or origin in origins):
        return []
    headers = [("Access-Control-Allow-Origin", origin if cors.get("AllowCredentials") else _allowed(origins, origin))]
    headers += [("Vary", "Origin")]
    if cors.get("AllowCredentials"):
        headers.append(("Access-Control-Allow-Credentials", "true"))
    if cors.get("ExposeHeaders"):
        headers.append(("Access-Control-Expose-Headers", ",".join(cors["ExposeHeaders"])))
    return headers


def preflight(url: Url, origin: str | None) -> UrlAnswer:
    """The answer to a browser's question whether it may ask."""
    cors = url.cors or {}
    headers = cors_headers(url, origin)
    if headers:
        for member, header in (("AllowMethods", "Access-Control-Allow-Methods"),
                               ("AllowHeaders", "Access-Control-Allow-Headers")):  # fmt: skip
            if cors.get(member):
                headers.append((header, ",".join(cors[member])))
        if cors.get("MaxAge") is not None:
            headers.append(("Access-Control-Max-Age", str(cors["MaxAge"])))
    return UrlAnswer(200, headers, b"")


def _iam(signer: Signer) -> dict[str, str | None]:
    return {
        "accessKey": signer.access_key,
        "accountId": signer.account,
        "callerId": signer.id,
        "cognitoIdentity": None,
        "principalOrgId": signer.organization or None,
        "userArn": signer.arn,
        "userId": signer.id,
    }


def _allowed(origins: Sequence[str], origin: str) -> str:
    return "*" if "*" in origins else origin


def _as_text(request: UrlRequest) -> tuple[str, bool]:
    kind = request.headers.get("content-type", "")
    textual = kind.startswith("text/") or any(
        word in kind for word in ("json", "xml", "javascript", "x-www-form-urlencoded")
    )
    if textual or not kind:
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode("ascii"), bool(request.body)


def _parameters(query: str) -> dict[str, str]:
    """Names given more than once have their values joined by commas."""
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        name, value = unquote_plus(name), unquote_plus(value)
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _body(result: Mapping[str, Any]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return base64.b64decode(text, validate=True) if result.get("isBase64Encoded") else text.encode()


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _headed(said: Mapping[str, Any], body: bytes | AsyncIterator[bytes], content_type: str) -> UrlAnswer:
    """The answer whose head *said* describes. Raises TypeError, ValueError, AttributeError where it does not."""
    status = int(said["statusCode"])
    headers = [(str(name), _shown(value)) for name, value in (said.get("headers") or {}).items()]
    headers = [(name, value) for name, value in headers if name.lower() not in _CONNECTIONS]
    headers += [("Set-Cookie", str(cookie)) for cookie in said.get("cookies") or ()]
    if not 200 <= status <= 599 or any(_breaks_lines(name + value) for name, value in headers):
        return failed()
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", content_type))
    return UrlAnswer(status, headers, body)


def _breaks_lines(text: str) -> bool:
    return any(ord(character) < 32 or ord(character) == 127 for character in text) or not text.isascii()


def _message(status: int, text: str) -> UrlAnswer:
    return UrlAnswer(status, [("Content-Type", "application/json")], json.dumps({"Message": text}).encode())
