"""Requests that are for none of our services: handed to the companions, their answers handed back as they are."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Final

from lamina.companions import Companions, Question
from lamina.companions.companions import JUDGED_ON_LOOP_BYTES_MAX
from lamina.companions.recognising import SHOWN, Recognised, recognise
from lamina.companions.refusing import refusal
from lamina.companions.unpacking import is_packed, unpacked, unpacked_bytes
from lamina.errors import ApiError
from lamina.gateway.callers import Caller, account_of
from lamina.gateway.messages import OBJECT_BYTES_READ_MAX, Answer, Request
from lamina.gateway.rooms import Rooms
from lamina.wire import parse_query

if TYPE_CHECKING:
    from lamina.gateway.guard import Guard

_TOO_LARGE = f"Send it in parts: of more than {OBJECT_BYTES_READ_MAX} bytes at once nothing is read here."
# Names that requests are signed for, where a service has two.
_ALIASES: Final = {"eventbridge": "events"}
# Of a question that is judged by what it says; whoever chooses its text chooses how much more it takes to be read.
_JUDGED_BYTES_MAX: Final = 16 * 1024 * 1024
_TOO_LONG: Final = f"With accounts, requests to this service may have {_JUDGED_BYTES_MAX} bytes."
# Of bodies that came packed, at the same time, of all callers and environments.
_UNPACKED_BYTES_MAX: Final = 64 * 1024 * 1024


class Beside:
    """The services of *companions*, as the dispatcher asks them; *verified* callers are in their own account alone.

    With a *guard*, callers that it knows may ask what their policy includes, and sessions that STS begins are sealed.
    """

    def __init__(self, companions: Companions, guard: Guard | None = None) -> None:
        self._companions = companions
        self._guard = guard
        self._rooms = Rooms(_UNPACKED_BYTES_MAX)

    def states(self) -> dict[str, str]:
        """Those that people look for, and whether they could be asked."""
        return dict.fromkeys(SHOWN, "available" if self._companions.available else "disabled")

    def recognised(self, request: Request, caller: Caller) -> Recognised | None:
        """Which other service than ours *request* was made for; None where nothing says so."""
        target = request.target
        if target.startswith(("http://", "https://")):
            target = request.path + (f"?{request.query}" if request.query else "")
        return recognise(request.method, target, request.headers, caller.service)

    async def answer(
        self, request: Request, found: Recognised, caller: Caller, threads: Executor, *, verified: bool
    ) -> Answer:
        """The answer to a request that was made for what was *found*. A packed body is unpacked on *threads*."""
        account = caller.scope.account
        if found.access_key is not None and not verified:
            account = account_of(found.access_key, account)
        headers = list(request.headers.items())
        service = _ALIASES.get(found.service, found.service)
        if caller.identity is not None and service != "s3" and "authorization" not in request.headers:
            headers.append(("authorization", _claimed_in(request.query)))
        question = Question(request.method, found.target, headers, tuple(request.pieces))
        room = None
        try:
            if self._guard is not None and service != "s3" and request.body_bytes > _JUDGED_BYTES_MAX:
                raise ApiError("RequestEntityTooLargeException", 413, _TOO_LONG, None)
            if is_packed(question, service):
                room = self._rooms.take(unpacked_bytes(question))
                if room is None:
                    raise ApiError("ThrottlingException", 429, "Rate exceeded", None)
                question = await asyncio.get_running_loop().run_in_executor(threads, unpacked, question)
            if self._guard is not None and caller.identity is not None:
                permit = partial(self._guard.permit_beside, caller, service, question)
                if sum(map(len, question.body)) <= JUDGED_ON_LOOP_BYTES_MAX:
                    permit()
                else:
                    await asyncio.get_running_loop().run_in_executor(threads, permit)
        except ApiError as error:
            return _told(question, service, error)
        reply = await self._companions.ask(question, service, account)
        if self._guard is not None and caller.identity is not None and service == "sts":
            return Answer.whole(reply.status, reply.headers, self._guard.begun(await reply.whole(), caller.identity))
        return Answer(reply.status, reply.headers, reply.body, reply.length)

    def refused(self, request: Request, caller: Caller) -> Answer | None:
        """The answer to an object that is larger than what is read of one, and to what was not read of somebody who
        will not be let in, or not now; None for whatever else was not read.
        """
        refused = request.refusal
        assert refused is not None
        if refused.status in (403, 429):
            return self.denied(request, caller, ApiError(refused.code, refused.status, refused.message, None))
        found = self.recognised(request, caller) if refused.status == 413 else None
        if found is None or found.service != "s3":
            return None
        reply = refusal(Question(request.method, found.target, ()), "s3", "EntityTooLarge", 400, _TOO_LARGE)
        return Answer(reply.status, reply.headers, reply.body, reply.length)

    def denied(self, request: Request, caller: Caller, error: ApiError) -> Answer | None:
        """*error* as the service words it that *request* is for; None where that is none of the companions."""
        found = self.recognised(request, caller)
        if found is None:
            return None
        return _told(Question(request.method, found.target, list(request.headers.items())), found.service, error)


def _told(question: Question, service: str, error: ApiError) -> Answer:
    reply = refusal(question, service, error.code, error.status, error.message)
    return Answer(reply.status, reply.headers, reply.body, reply.length)


def _claimed_in(query: str) -> str:
    """What an address that is signed claims, as a header: without one moto guesses which service is meant."""
    credential = parse_query(query).get("X-Amz-Credential", [""])[0]
    return f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"
