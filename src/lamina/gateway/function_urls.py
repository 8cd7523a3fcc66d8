"""Requests to function URLs: told apart from requests to the API, and handed on as what they are."""

from __future__ import annotations

from lamina.errors import ApiError
from lamina.functions.urls import HOST_LABEL, PREFIX, Signer, UrlRequest
from lamina.gateway.messages import Request
from lamina.gateway.signatures import claim_of, is_signed


def addressed(request: Request) -> tuple[str, str] | None:
    """The URL's identifier and the path below it; None for a request to anything else."""
    host = request.headers.get("host", "")
    identifier, label, _ = host.partition(HOST_LABEL)
    if label:
        return identifier.lower(), request.path or "/"
    if request.path.startswith(PREFIX):
        identifier, _, rest = request.path.removeprefix(PREFIX).partition("/")
        return identifier, f"/{rest}"
    return None


def claimed(request: Request, account: str) -> Signer:
    """Who *request* says has signed it, where nobody knows users: somebody with all the rights of *account*."""
    if not is_signed(request.headers, request.query):
        return Signer()
    try:
        key = claim_of(request.headers, request.query).access_key
    except ApiError:
        key = ""
    return Signer(account, "", key, f"arn:aws:iam::{account}:root", account, is_proved=False)


def from_http(request: Request, path: str, signer: Signer) -> UrlRequest:
    """*request*, of *signer*, as the function's event will tell of it, with *path* in place of its own."""
    return UrlRequest(
        method=request.method,
        path=path,
        query=request.query,
        headers=request.headers,
        body=request.body(),
        host=request.headers.get("host") or "localhost",
        source_ip=request.peer,
        signer=signer,
    )
