"""From a request to its answer: whose it is, which operation, what its handler says, and every error in AWS's words."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

import lamina
from lamina import errors
from lamina.functions.urls import UrlAnswer, UrlRequest
from lamina.gateway import function_urls
from lamina.gateway.afterwards import Afterwards
from lamina.gateway.beside import Beside
from lamina.gateway.callers import Caller, caller_of
from lamina.gateway.downloads import answer_download
from lamina.gateway.intake import Intake
from lamina.gateway.messages import READ_WHOLE_BYTES_MAX, REQUEST_BYTES_MAX, Answer, Refusal, Request
from lamina.gateway.metrics import PATH as METRICS
from lamina.gateway.metrics import MetricsPage
from lamina.gateway.rooms import UNTOLD_BYTES, Rooms
from lamina.gateway.services import Service, Services
from lamina.invocations.admission import CALLERS
from lamina.invocations.identifiers import new_request_id
from lamina.layers import sizes
from lamina.layers.policies import ANY_ORGANIZATION
from lamina.names import Scope
from lamina.observability.exchanges import Exchange, current
from lamina.observability.meter import Meter
from lamina.operations import content
from lamina.operations.call import Call
from lamina.operations.stacks import answers
from lamina.wire import Api, Place, Response, Route, UnknownOperation, WireError, parse_query

if TYPE_CHECKING:
    from lamina.gateway.guard import Guard

_NO_ROOM: Final = Refusal(429, "TooManyRequestsException", "Rate Exceeded.")
_log = logging.getLogger(__name__)

Health = Callable[[], Mapping[str, Any]]
Content = Callable[[str, Mapping[str, str]], content.Download]
Urls = Callable[[str, UrlRequest, Call], Awaitable[UrlAnswer]]
# Whether anybody waits for what was sent to a path of theirs.
Answered = Callable[[str, bytes], bool]
# Told the operation and its input; raises ApiError where that is not to be done.
Permit = Callable[[str, Mapping[str, Any]], None]
# Raises ApiError for a request that is not to be answered.
Check = Callable[[Request], Awaitable[None]]


class Dispatcher:
    """Answers requests that pass *check*; callers that say nothing else of themselves are in *default_scope*.

    With a *guard* they are who it says they are, or are refused. *organization* tells which one an account is of.
    The bytes of archives go to what *open_place* gives as they come; without it, each is taken in whole. Answers are
    counted by *meter*; without *metrics* there is no such page.
    """

    def __init__(
        self,
        services: Services,
        health: Health,
        download: Content,
        default_scope: Scope,
        threads: Executor,
        meter: Meter,
        urls: Urls | None = None,
        check: Check | None = None,
        guard: Guard | None = None,
        organization: Callable[[str], str] = lambda _: ANY_ORGANIZATION,
        open_place: Callable[[], Place] | None = None,
        beside: Beside | None = None,
        answered: Answered | None = None,
        metrics: MetricsPage | None = None,
    ) -> None:
        self._services = services
        self._meter, self._metrics = meter, metrics
        self._health, self._download = health, download
        self._default_scope, self._threads = default_scope, threads
        self._urls = urls
        self._check = check
        self._open_place = open_place
        self._beside = beside
        self._answered = answered
        self._afterwards = Afterwards()
        self._rooms = Rooms()
        self._guard = guard
        self._organization = organization

    async def answer(self, request: Request) -> Answer:
        """The answer to any *request*: errors are answers too, those of ours with nothing of the cause in them."""
        request_id = new_request_id()
        caller = self._caller(request)
        service = self._services.asked(request.headers, caller.service)
        trace = request.headers.get("x-amzn-trace-id") or request.headers.get("traceparent")
        exchange = Exchange(request_id, caller.scope, service.name, time.perf_counter(), trace)
        current.set(exchange)
        try:
            answer = await self._answer(request, exchange, caller, service)
        except (errors.ApiError, WireError) as error:
            members = error.members if isinstance(error, errors.ApiError) else {}
            text = error.message or None
            answer = _from_wire(
                service.api.serialise_error(error.code, error.status, text, error.kind, members, request_id)
            )
        except asyncio.CancelledError:
            # The server stops, and has waited for as long as it was told to.
            message = "The server is stopping: whether the request was carried out is not known."
            answer = _from_wire(service.api.serialise_error(service.failure, 500, message, "Service", {}, request_id))
        except Exception:  # noqa: BLE001 - whatever fails in a handler, its caller gets an answer and the log the cause
            _log.exception("%s %s failed, request %s", request.method, _shown(request.path), request_id)
            message = f"An internal error occurred. The server's log tells of it under the request id {request_id}."
            answer = _from_wire(service.api.serialise_error(service.failure, 500, message, "Service", {}, request_id))
        now = time.perf_counter()
        if _log.isEnabledFor(logging.INFO):
            _tell(request, exchange, answer, now)
        self._meter.answered(exchange, answer.status, now)
        return answer

    def open_intake(self, request: Request) -> Intake | None:
        """What takes in the large body of *request*, of which only the beginning is there; None to keep it whole.

        Of a caller who will be refused, whatever still comes, nothing more is taken: the request has a refusal then.
        """
        if self._guard is not None:
            request.refusal = self._guard.refusal(request)
            if request.refusal is not None:
                return None
        intake = self._intake(request)
        if intake is None:
            request.room = self._rooms.take(int(request.headers.get("content-length", UNTOLD_BYTES)))
            if request.room is None:
                request.refusal = _NO_ROOM
        return intake

    def _intake(self, request: Request) -> Intake | None:
        caller = self._caller(request)
        service = self._services.asked(request.headers, caller.service)
        others = caller.service not in (None, service.name) or function_urls.addressed(request) is not None
        if self._open_place is None or others or not service.is_loaded:
            return None
        try:
            route = service.api.route(request.method, request.path, request.query, request.headers)
        except WireError:
            return None
        coming = service.api.coming(route, self._open_place)
        return None if coming is None else Intake(coming, self._threads, hashing=self._guard is not None)

    async def _answer(self, request: Request, exchange: Exchange, caller: Caller, service: Service) -> Answer:
        request_id = exchange.request_id
        if not service.is_loaded:
            await asyncio.get_running_loop().run_in_executor(self._threads, service.load)
        if request.refusal is not None:
            beside = None if self._services.offers(request.headers, caller.service) else self._beside
            refused = None if beside is None else beside.refused(request, caller)
            if refused is not None:
                return refused
            raise _refused(request, service)
        if self._check is not None:
            await self._check(request)
        if self._guard is not None:
            refused = await self._let_in(self._guard, request, caller, service)
            if refused is not None:
                return refused
        if self._urls is not None and (addressed := function_urls.addressed(request)) is not None:
            # Whether a page of another site may ask, the URL's own configuration says.
            exchange.operation = "InvokeFunctionUrl"
            return await self._answer_url(self._urls, request, *addressed, request_id)
        _check_origin(request)
        if request.path.startswith("/_"):
            exchange.service = "lamina"
            return await self._answer_internal(request, request_id)
        if self._beside is not None and not self._services.offers(request.headers, caller.service):
            found = self._beside.recognised(request, caller)
            if found is not None:
                verified = self._check is not None or self._guard is not None
                answer = await self._beside.answer(request, found, caller, self._threads, verified=verified)
                exchange.service = "companions"
                return answer
        host = request.headers.get("host") or "localhost"
        organization = self._organization(caller.scope.account)
        inside = self._check is not None
        endpoint = f"{request.scheme}://{host}"
        call = Call(request_id, caller.scope, endpoint, request.headers, inside, organization)
        if request.body_bytes > READ_WHOLE_BYTES_MAX:
            permit = partial(self._permit, caller, service, request.headers, exchange)
            operation, output = await self._answer_large(request, caller.service, service, call, permit)
        else:
            operation, params = self._read(request, caller.service, service)
            self._permit(caller, service, request.headers, exchange, operation, params)
            output = await self._handle(service, operation, call, params)
        return _from_wire(service.api.serialise(operation, output, request_id))

    def _permit(
        self,
        caller: Caller,
        service: Service,
        headers: Mapping[str, str],
        exchange: Exchange,
        operation: str,
        params: Mapping[str, Any],
    ) -> None:
        """Note what is asked for. Raises ApiError unless *caller* may."""
        exchange.operation, exchange.function = operation, params.get("FunctionName")
        if self._guard is not None:
            self._guard.permit(caller, service.name, operation, params, headers)

    async def _let_in(self, guard: Guard, request: Request, caller: Caller, service: Service) -> Answer | None:
        """Raises ApiError unless *guard* lets *request* in; gives it as an answer where another service words it."""
        if guard.opens(request) or (self._urls is not None and function_urls.addressed(request) is not None):
            return None
        ours = service.name if self._services.offers(request.headers, caller.service) else None
        try:
            await guard.check(request, caller, self._threads, ours)
        except errors.ApiError as error:
            answer = None if ours is not None or self._beside is None else self._beside.denied(request, caller, error)
            if answer is None:
                raise
            return answer
        return None

    def _caller(self, request: Request) -> Caller:
        """Who asks; where requests are checked, what they claim, however it is written, does not choose the account."""
        if self._guard is not None:
            return self._guard.look(request, self._default_scope)
        account = self._default_scope.account
        caller = caller_of(request.headers, request.query, self._default_scope)
        if self._check is None or caller.scope.account == account:
            return caller
        return Caller(Scope(account, caller.scope.region), caller.service)

    def _read(self, request: Request, signed_for: str | None, service: Service) -> tuple[str, Mapping[str, Any]]:
        """The operation that is asked for by a small request, and its input."""
        api, method, path, query, headers = service.api, request.method, request.path, request.query, request.headers
        recalled = api.recall(method, path, query, headers, request.body())
        if recalled is not None:
            return recalled
        route = self._route(request, signed_for, service)
        params = api.parse(route, headers, request.body())
        api.remember(method, path, query, headers, route.operation, params)
        return route.operation, params

    async def _answer_large(
        self, request: Request, signed_for: str | None, service: Service, call: Call, permit: Permit
    ) -> tuple[str, Mapping[str, Any]]:
        """What is asked for by a large request, and what it came to."""
        self._afterwards.note()
        route = self._route(request, signed_for, service)
        loop = asyncio.get_running_loop()
        if service.waits(route.operation):
            params = await loop.run_in_executor(self._threads, _parsed, request, route, service.api)
            permit(route.operation, params)
            return route.operation, await self._handle(service, route.operation, call, params)
        # All of it in one go: to change threads takes as long as a small request. What it logs is told of this request.
        within = contextvars.copy_context().run
        output = await loop.run_in_executor(self._threads, within, _carried_out, request, route, service, call, permit)
        return route.operation, output

    def _route(self, request: Request, signed_for: str | None, service: Service) -> Route:
        try:
            return service.api.route(request.method, request.path, request.query, request.headers, request.body)
        except UnknownOperation as error:
            if signed_for in (None, service.name):
                raise
            # AWS_ENDPOINT_URL leads a tool's every service here; say which one it was, not that a path is unknown.
            offered = " and ".join(self._services.names)
            message = f"This server offers {offered} only; the request is signed for {signed_for}."
            raise errors.ApiError(error.code, error.status, message, None) from error

    async def _handle(
        self, service: Service, operation: str, call: Call, params: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        handler = service.handler(operation)
        if service.waits(operation):
            return await cast(Awaitable[Mapping[str, Any]], handler(call, params))
        loop = asyncio.get_running_loop()
        # What it logs is told of this request.
        within = contextvars.copy_context().run
        return cast(Mapping[str, Any], await loop.run_in_executor(self._threads, within, handler, call, params))

    async def _answer_internal(self, request: Request, request_id: str) -> Answer:
        """The few addresses that are ours and not the API's."""
        if request.method == "PUT" and request.path.startswith(answers.PREFIX) and self._answered is not None:
            # What presigned addresses of S3 are on AWS: the one who knows it may.
            if request.body_bytes > answers.BYTES_MAX:
                return Answer.whole(413, [], b"")
            return Answer.whole(200 if self._answered(request.path, request.body()) else 404, [], b"")
        if request.method not in ("GET", "HEAD"):
            raise errors.ApiError("MethodNotAllowed", 405, f"{request.path} can only be read.", None)
        if request.path == "/_lamina/health":
            return _json(self._health(), request_id)
        if request.path == METRICS and self._metrics is not None:
            return await self._metrics.answer(request, request_id)
        if request.path == "/_localstack/health":
            # What tools poll that were made for LocalStack.
            beside = {} if self._beside is None else self._beside.states()
            running = dict.fromkeys(self._services.names, "running")
            state = {"services": beside | running, "edition": "lamina", "version": lamina.__version__}
            return _json(state, request_id)
        if request.path.startswith(content.PREFIX):
            query = {key: values[0] for key, values in parse_query(request.query).items()}
            loop = asyncio.get_running_loop()
            download = await loop.run_in_executor(self._threads, self._download, request.path, query)
            return answer_download(request, download, request_id)
        raise errors.ApiError("UnknownOperationException", 404, f"There is nothing at {request.path}.", None)

    async def _answer_url(self, urls: Urls, request: Request, url_id: str, path: str, request_id: str) -> Answer:
        if self._guard is None:
            signer = function_urls.claimed(request, self._caller(request).scope.account)
        else:
            signer = await self._guard.url_signer(request, self._threads)
        asked = function_urls.from_http(request, path, signer)
        answer = await urls(url_id, asked, self._call(request, request_id))
        return Answer.of(answer.status, [("x-amzn-RequestId", request_id), *answer.headers], answer.body)

    def _call(self, request: Request, request_id: str) -> Call:
        host = request.headers.get("host") or "localhost"
        return Call(request_id, self._default_scope, f"{request.scheme}://{host}", request.headers)


def _tell(request: Request, exchange: Exchange, answer: Answer, now: float) -> None:
    """Log a request and its answer: without its query, for that may hold somebody's signature."""
    measured = {
        "status": answer.status,
        "duration_ms": round((now - exchange.began) * 1000, 3),
        "peer": request.peer,
    }
    path = _shown(request.path)
    _log.info("%s %s %d %s", request.method, path, answer.status, exchange.request_id, extra=measured)


def _shown(path: str) -> str:
    """*path* for a log: without what only the one may know who was given the address."""
    return f"{answers.PREFIX}…" if path.startswith(answers.PREFIX) else path


def _carried_out(request: Request, route: Route, service: Service, call: Call, permit: Permit) -> Mapping[str, Any]:
    """What a large *request* came to, of an operation that waits where it is."""
    params = _parsed(request, route, service.api)
    permit(route.operation, params)
    handler = service.handler(route.operation)
    return cast(Mapping[str, Any], handler(call, params))


def _parsed(request: Request, route: Route, api: Api) -> Mapping[str, Any]:
    """The input that a large *request* has; its body is gone afterwards."""
    if request.intake is None:
        params = api.parse(route, request.headers, request.body())
    else:
        params = api.parse_coming(route, request.headers, request.intake.whole())
    # A handler may run long; the body as it was sent is needed no more.
    request.pieces.clear()
    request.intake = None
    if request.body_bytes > REQUEST_BYTES_MAX:
        # Of a request that is too large because of its archive, AWS tells the archive's limit.
        sizes.check_uploaded(_archive_bytes(params))
        raise _too_large(route.operation)
    return params


def _refused(request: Request, service: Service) -> errors.ApiError:
    refusal = request.refusal
    assert refusal is not None
    if refusal.status == 413:
        return _too_large(service.api.route(request.method, request.path, request.query, request.headers).operation)
    if refusal.status == 429:
        return errors.too_many_requests(refusal.message, CALLERS)
    return errors.ApiError(refusal.code, refusal.status, refusal.message, None)


def _check_origin(request: Request) -> None:
    """Refuse what a web page asks for behind its reader's back: pages of any site can send requests to 127.0.0.1."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise errors.access_denied(f"Requests from web pages are not answered, and {origin} is one.")


def _too_large(operation: str) -> errors.ApiError:
    return errors.request_too_large(
        f"Request must be smaller than {REQUEST_BYTES_MAX} bytes for the {operation} operation"
    )


def _archive_bytes(params: Mapping[str, Any]) -> int:
    """The size of the archive inside an upload's parameters, wherever it is; 0 where there is none."""
    sources = (params, params.get("Code"), params.get("Content"))
    archives = (source.get("ZipFile") for source in sources if isinstance(source, Mapping))
    return max(len(archive or b"") for archive in archives)


def _json(state: Mapping[str, Any], request_id: str) -> Answer:
    headers = [("x-amzn-RequestId", request_id), ("Content-Type", "application/json")]
    return Answer.whole(200, headers, json.dumps(state).encode())


def _from_wire(response: Response) -> Answer:
    return Answer.of(response.status, response.headers, response.coming or response.body)
