"""Requests that are for none of our services: handed to the companions, their answers handed back as they are."""

from __future__ import annotations

from lamina.companions import Companions, Question
from lamina.companions.recognising import SHOWN, Recognised, recognise
from lamina.companions.refusing import refusal
from lamina.gateway.callers import Caller, account_of
from lamina.gateway.messages import OBJECT_BYTES_READ_MAX, Answer, Request

_TOO_LARGE = f"Send it in parts: of more than {OBJECT_BYTES_READ_MAX} bytes at once nothing is read here."


class Beside:
    """The services of *companions*, as the dispatcher asks them; *verified* callers are in their own account alone."""

    def __init__(self, companions: Companions) -> None:
        self._companions = companions

    def states(self) -> dict[str, str]:
        """Those that people look for, and whether they could be asked."""
        return dict.fromkeys(SHOWN, "available" if self._companions.available else "disabled")

    async def answer(self, request: Request, caller: Caller, *, verified: bool) -> Answer | None:
        """The answer to a request that was made for another service than ours; None where nothing says so."""
        found = _recognised(request, caller)
        if found is None:
            return None
        account = caller.scope.account
        if found.access_key is not None and not verified:
            account = account_of(found.access_key, account)
        question = Question(request.method, found.target, list(request.headers.items()), tuple(request.pieces))
        reply = await self._companions.ask(question, found.service, account)
        return Answer(reply.status, reply.headers, reply.body, reply.length)

    def refused(self, request: Request, caller: Caller) -> Answer | None:
        """The answer to an object that is larger than what is read of one; None for whatever else was not read."""
        assert request.refusal is not None
        found = _recognised(request, caller) if request.refusal.status == 413 else None
        if found is None or found.service != "s3":
            return None
        reply = refusal(Question(request.method, found.target, ()), "s3", "EntityTooLarge", 400, _TOO_LARGE)
        return Answer(reply.status, reply.headers, reply.body, reply.length)


def _recognised(request: Request, caller: Caller) -> Recognised | None:
    target = request.target
    if target.startswith(("http://", "https://")):
        target = request.path + (f"?{request.query}" if request.query else "")
    return recognise(request.method, target, request.headers, caller.service)
