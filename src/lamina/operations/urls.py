"""Function URL configurations, and the requests that come to function URLs."""

from __future__ import annotations

import asyncio
import secrets
import string
from collections.abc import Awaitable, Callable
from typing import Any

from lamina import errors
from lamina.catalog.port import Catalog, Transaction
from lamina.catalog.settings import Kind, Setting
from lamina.functions import urls
from lamina.functions.urls import Signer, Url, UrlAnswer, UrlRequest
from lamina.invocations.calls import Outcome
from lamina.layers.policies import Policy, grants
from lamina.names import FunctionArn
from lamina.operations import url_streams
from lamina.operations.addresses import function_arn
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.markers import Markers, page
from lamina.operations.stamps import Stamps
from lamina.operations.streaming import Streaming

PAGE_MAX = 50
_ID_CHARACTERS = string.ascii_lowercase + string.digits

Run = Callable[[Call, Parameters], Awaitable[Outcome]]
Begin = Callable[[Call, Parameters], Awaitable[Streaming]]


class UrlOperations:
    """Create, read, change, list and delete function URLs."""

    def __init__(self, catalog: Catalog, markers: Markers, stamps: Stamps) -> None:
        self._catalog = catalog
        self._markers = markers
        self._stamps = stamps

    def create_function_url_config(self, call: Call, request: Parameters) -> Output:
        arn = _arn(call, "CreateFunctionUrlConfig", request)
        url = urls.create(request, self._stamps.text())
        url_id = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(32))
        with self._catalog.writing() as transaction:
            if transaction.functions.find(arn.scope, arn.name, arn.qualifier) is None:
                raise errors.resource_not_found("Function does not exist")
            if transaction.settings.get(Kind.URL, arn) is not None:
                raise errors.resource_conflict(
                    f"Failed to create function url config for [functionArn = {arn}]. "
                    "Error message:  FunctionUrlConfig exists for this Lambda function"
                )
            setting = Setting(Kind.URL, arn, url.written(), url_id)
            transaction.settings.put(setting)
        return {name: value for name, value in _described(call, setting).items() if name != "LastModifiedTime"}

    def get_function_url_config(self, call: Call, request: Parameters) -> Output:
        arn = _arn(call, "GetFunctionUrlConfig", request)
        with self._catalog.reading() as transaction:
            return _described(call, _find(transaction, arn))

    def update_function_url_config(self, call: Call, request: Parameters) -> Output:
        arn = _arn(call, "UpdateFunctionUrlConfig", request)
        with self._catalog.writing() as transaction:
            before = _find(transaction, arn)
            url = urls.update(Url.read(before.document), request, self._stamps.text())
            after = Setting(Kind.URL, arn, url.written(), before.target)
            transaction.settings.put(after)
        return _described(call, after)

    def delete_function_url_config(self, call: Call, request: Parameters) -> Output:
        arn = _arn(call, "DeleteFunctionUrlConfig", request)
        with self._catalog.writing() as transaction:
            _find(transaction, arn)
            transaction.settings.delete(Kind.URL, arn)
        return {}

    def list_function_url_configs(self, call: Call, request: Parameters) -> Output:
        arn = _arn(call, "ListFunctionUrlConfigs", request).unqualified
        size = min(request.get("MaxItems") or PAGE_MAX, PAGE_MAX)
        of_list = f"ListFunctionUrlConfigs {arn}"
        position = self._markers.read(of_list, request.get("Marker"))
        after = None if position is None else str(position[0])
        with self._catalog.reading() as transaction:
            if transaction.functions.find(arn.scope, arn.name) is None:
                raise errors.resource_not_found("Function does not exist")
            found = transaction.settings.of_function(Kind.URL, arn, after=after, limit=size + 1)
        shown, more = page(found, size)
        output: dict[str, Any] = {"FunctionUrlConfigs": [_described(call, setting) for setting in shown]}
        if more:
            output["NextMarker"] = self._markers.issue(of_list, [shown[-1].function.qualifier or ""])
        return output


class UrlServer:
    """Answers requests to function URLs; *run* and *begin* do what Invoke and InvokeWithResponseStream do."""

    def __init__(self, catalog: Catalog, run: Run, begin: Begin, stamps: Stamps) -> None:
        self._catalog = catalog
        self._run = run
        self._begin = begin
        self._stamps = stamps

    async def answer(self, url_id: str, request: UrlRequest, call: Call) -> UrlAnswer:
        """The answer to *request*, which came to the URL *url_id*."""
        setting = await asyncio.to_thread(self._look_up, url_id)
        if setting is None:
            return urls.missing()
        url = Url.read(setting.document)
        origin = request.headers.get("origin")
        if request.method == "OPTIONS" and url.cors is not None and "access-control-request-method" in request.headers:
            return urls.preflight(url, origin)
        function = setting.function
        asks_who = url.auth == urls.IAM
        if asks_who and not await self._may_call(function, request.signer):
            return urls.refused()
        owner = function.scope.account if asks_who else None
        event = urls.event(url_id, owner, request, call.request_id, self._stamps.seconds())
        on_behalf = Call(call.request_id, function.scope, call.endpoint, call.headers)
        answer = self._streamed if url.mode == urls.RESPONSE_STREAM else self._whole
        try:
            answered = await answer(on_behalf, {"FunctionName": str(function), "Payload": event})
        except errors.ApiError as error:
            answered = urls.throttled() if error.status == 429 else urls.failed()
        return UrlAnswer(answered.status, [*answered.headers, *urls.cors_headers(url, origin)], answered.body)

    async def _may_call(self, function: FunctionArn, signer: Signer) -> bool:
        """Whether a URL that asks for a signature has got one of somebody whom it is for."""
        # Without accounts nobody checks whose signature it is, as in the rest of the API.
        if signer.account in ("", function.scope.account) or not signer.is_proved:
            return bool(signer.account)
        policy = await asyncio.to_thread(self._policy, function)
        return grants(policy, signer.account, "InvokeFunctionUrl", signer.organization, urls.IAM)

    def _policy(self, function: FunctionArn) -> Policy | None:
        with self._catalog.reading() as transaction:
            return transaction.policies.of_function(function)

    async def _whole(self, call: Call, invocation: Parameters) -> UrlAnswer:
        outcome = await self._run(call, invocation)
        if outcome.function_error is not None:
            return urls.failed()
        return urls.answer(outcome.payload, outcome.content_type)

    async def _streamed(self, call: Call, invocation: Parameters) -> UrlAnswer:
        streaming = await self._begin(call, invocation)
        if not streaming.stream.began:
            outcome = await streaming.running
            failed = outcome.function_error is not None
            return urls.failed() if failed else urls.streamed(outcome.content_type, outcome.payload)
        return await url_streams.answer(streaming)

    def _look_up(self, url_id: str) -> Setting | None:
        with self._catalog.reading() as transaction:
            found = transaction.settings.naming(Kind.URL, url_id)
        return found[0] if found else None


def _arn(call: Call, operation: str, request: Parameters) -> FunctionArn:
    return function_arn(call, operation, request["FunctionName"], request.get("Qualifier"))


def _find(transaction: Transaction, arn: FunctionArn) -> Setting:
    setting = transaction.settings.get(Kind.URL, arn)
    if setting is None:
        raise errors.resource_not_found("The resource you requested does not exist.")
    return setting


def _described(call: Call, setting: Setting) -> dict[str, Any]:
    location = f"{call.endpoint}{urls.PREFIX}{setting.target}/"
    return urls.describe(Url.read(setting.document), setting.function, location)
