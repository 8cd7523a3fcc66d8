"""boto3's clients of the companions for this process itself: the public API, without a socket anybody could reach."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Final

from lamina.companions.answering import Answer, Sent, answered_by
from lamina.companions.companions import Companions
from lamina.companions.messages import Question
from lamina.companions.recording import service_of
from lamina.names import Scope

# Stands in addresses that services hand out, where nobody has asked by one.
_HOST: Final = "companions.localhost"


class Clients:
    """Makes clients, to be used in threads other than that of the loop *companions* are on. Make it on that loop."""

    def __init__(self, companions: Companions) -> None:
        self._companions = companions
        self._loop = asyncio.get_running_loop()
        self._made: dict[tuple[str, Scope], Any] = {}
        self._making = threading.Lock()

    @property
    def available(self) -> bool:
        """Whether there are companions that could answer."""
        return self._companions.available

    def client(self, service: str, scope: Scope) -> Any:
        """boto3's client of *service*, by boto3's name of it, for callers in *scope*."""
        with self._making:
            key = service, scope
            if key not in self._made:
                self._made[key] = self._make(service, scope)
            return self._made[key]

    def _make(self, service: str, scope: Scope) -> Any:
        import boto3  # noqa: PLC0415 - not needed to start
        from botocore.config import Config  # noqa: PLC0415 - not needed to start

        client = boto3.session.Session().client(
            service,
            region_name=scope.region,
            endpoint_url=f"http://{_HOST}",
            aws_access_key_id=scope.account,
            aws_secret_access_key="companions",
            config=Config(retries={"total_max_attempts": 2, "mode": "standard"}, s3={"addressing_style": "path"}),
        )

        def answer(sent: Sent) -> Answer:
            work = self._ask(_question(sent), scope.account)
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()

        return answered_by(client, answer)

    async def _ask(self, question: Question, account: str) -> Answer:
        reply = await self._companions.ask(question, service_of(question), account)
        body = await reply.whole()
        headers = {**dict(reply.headers), "Content-Length": str(reply.length)}
        return reply.status, headers, body


def _question(sent: Sent) -> Question:
    target = sent.url.partition(_HOST)[2] or "/"
    return Question(sent.method, target, [*sent.headers, ("host", _HOST)], (sent.body,))
