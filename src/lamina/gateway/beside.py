"""Requests that are for none of our services: handed to the companions, their answers handed back as they are."""

from __future__ import annotations

from lamina.companions import Companions, Question
from lamina.companions.recognising import recognise
from lamina.gateway.callers import Caller, account_of
from lamina.gateway.messages import Answer, Request


class Beside:
    """The services of *companions*, as the dispatcher asks them; *verified* callers are in their own account alone."""

    def __init__(self, companions: Companions) -> None:
        self._companions = companions

    async def answer(self, request: Request, caller: Caller, *, verified: bool) -> Answer | None:
        """The answer to a request that was made for another service than ours; None where nothing says so."""
        target = request.target
        if target.startswith(("http://", "https://")):
            target = request.path + (f"?{request.query}" if request.query else "")
        found = recognise(request.method, target, request.headers, caller.service)
        if found is None:
            return None
        account = caller.scope.account
        if found.access_key is not None and not verified:
            account = account_of(found.access_key, account)
        question = Question(request.method, found.target, list(request.headers.items()), tuple(request.pieces))
        reply = await self._companions.ask(question, found.service, account)
        return Answer(reply.status, reply.headers, reply.body, reply.length)
