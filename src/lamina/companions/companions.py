"""The services beside Lambda, as this server sees them: asked a question they answer, always."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from lamina.companions.messages import ACCOUNT_HEADER, LENGTH, TRACE_HEADER, Arrival, Question, Reply, Trigger, packed
from lamina.companions.owning import foreign_arn, hides_something
from lamina.companions.process import Process
from lamina.companions.recording import changes, operation_of
from lamina.companions.refusing import NOT_INSTALLED, NOT_OFFERED, refusal

_log = logging.getLogger(__name__)
# Of questions that wait for a message to come there may be many.
_AT_ONCE_MAX: Final = 128
_PIECE_BYTES: Final = 256 * 1024
# What says more is read on a thread: seconds, if its sender wants.
JUDGED_ON_LOOP_BYTES_MAX: Final = 64 * 1024
_ENDED: Final = "The process of the services beside Lambda has ended; ask again. The server's log may say why."
_NEEDED: Final = ("flask", "flask_cors", "moto", "time_machine", "xmltodict")
# What ends with this connection, and not with the one behind it; the length is said anew.
_HOP_BY_HOP: Final = frozenset(
    ("connection", "content-length", "date", "expect", "keep-alive", "server", "te", "transfer-encoding", "upgrade")
)
# Whose messages AWS looks for loops in: those of others begin a trace of their own.
_TRACED: Final = frozenset(("s3", "sns", "sqs"))
# moto takes a header of this name for the operation; nobody else knows it.
_ACTION: Final = "action"
_HIDDEN: Final = (
    "A server with accounts takes bodies for this service whole, not in parts, and packed with gzip alone "
    "(Content-Encoding: gzip)."
)


class Companions:
    """Keeps what they are to remember in *folder*; their process begins with the first question. On one event loop.

    With *offered* false every question is refused, with *apart* those about what another account has. Functions that a
    question has them invoke are given to `invoke`, queues that it filled to `arrived`, before it is answered; both are
    set once there is somebody who can do something about it.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], *, offered: bool = True, apart: bool = False) -> None:
        self.invoke: Callable[[Sequence[Trigger]], Awaitable[None]] | None = None
        self.arrived: Callable[[Sequence[Arrival]], None] | None = None
        self._offered, self._apart = offered, apart
        self._folder = folder
        self._environ = environ
        self._process: Process | None = None
        self._closed = False
        self._starting = asyncio.Lock()
        self._places = asyncio.Semaphore(_AT_ONCE_MAX)

    @cached_property
    def available(self) -> bool:
        """Whether they are offered, and what they are made of is on this machine."""
        return self._offered and all(find_spec(name) is not None for name in _NEEDED)

    @property
    def runs(self) -> bool:
        """Whether their process has begun, and has not ended."""
        return self._process is not None and not self._process.has_ended

    async def ask(self, question: Question, service: str, account: str) -> Reply:
        """What *service*, by its name in signatures, answers *question* in *account*. Never raises for want of one."""
        if not self.available:
            why = NOT_INSTALLED if self._offered else NOT_OFFERED
            return refusal(question, service, "NotImplemented", 501, why)
        foreign = await _foreign(question, service, account) if self._apart else None
        if foreign is not None:
            return _not_theirs(question, service, account, foreign)
        if self._apart and service != "s3" and hides_something(question):
            return refusal(question, service, "UnsupportedMediaType", 415, _HIDDEN)
        asked = _for_account(question, account, traced=service in _TRACED)
        async with self._places:
            try:
                return await self._ask(asked, service)
            except (OSError, EOFError) as error:
                _log.error("the services beside Lambda did not answer: %s", error)
                has_ended = self._process is not None and await self._process.ends()
            if has_ended and not changes(question, service):
                # It has changed nothing, whether it was heard or not; another process answers as well.
                with contextlib.suppress(OSError, EOFError):
                    return await self._ask(asked, service)
            return refusal(question, service, "ServiceUnavailable", 503, _ENDED)

    async def close(self) -> None:
        """End their process, if there is one; there will be no other."""
        self._closed = True
        if self._process is not None:
            await self._process.close()

    async def _ask(self, question: Question, service: str) -> Reply:
        reader, writer = await (await self._running()).connect()
        try:
            head = await _converse(question, reader, writer)
        except BaseException:
            writer.close()
            raise
        if "failure" in head:
            writer.close()
            return refusal(question, service, head["failure"], head["status"], head["message"])
        if "triggers" in head and self.invoke is not None:
            trace = question.header(TRACE_HEADER)
            await self.invoke([Trigger(**{**each, "trace": trace}) for each in head["triggers"]])
        if "arrivals" in head and self.arrived is not None:
            self.arrived([Arrival(queue, at) for queue, at in head["arrivals"]])
        length: int = head["length"]
        headers = [(name, value) for name, value in head["headers"] if name.lower() not in _HOP_BY_HOP]
        if length <= _PIECE_BYTES:
            try:
                body = await reader.readexactly(length)
            finally:
                writer.close()
            return Reply(head["status"], headers, body, _told_length(question, head, length))
        return Reply(head["status"], headers, _pieces(reader, writer, length), length)

    async def _running(self) -> Process:
        async with self._starting:
            if self._closed:
                raise ConnectionAbortedError("the server is stopping")
            if self._process is not None and self._process.has_ended:
                await self._process.close()
                self._process = None
            if self._process is None:
                self._process = await Process.start(self._folder, self._environ)
            return self._process


async def _foreign(question: Question, service: str, account: str) -> str | None:
    if sum(map(len, question.body)) <= JUDGED_ON_LOOP_BYTES_MAX:
        return foreign_arn(question, service, account)
    return await asyncio.to_thread(foreign_arn, question, service, account)


def _not_theirs(question: Question, service: str, account: str, arn: str) -> Reply:
    operation = operation_of(question) or question.method
    code = "AccessDenied" if question.header("x-amz-target") is None else "AccessDeniedException"
    message = (
        f"User: arn:aws:iam::{account}:root is not authorized to perform: {service}:{operation} on resource: {arn} "
        f"because no resource-based policy allows the {service}:{operation} action"
    )
    return refusal(question, service, code, 403, message)


def _for_account(question: Question, account: str, *, traced: bool) -> Question:
    dropped = {*_HOP_BY_HOP, ACCOUNT_HEADER, _ACTION, *(() if traced else (TRACE_HEADER,))}
    headers = [(n, v) for n, v in question.headers if n not in dropped]
    return Question(question.method, question.target, [*headers, (ACCOUNT_HEADER, account)], question.body)


async def _converse(question: Question, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> dict[str, Any]:
    writer.write(packed(question.head))
    for piece in question.body:
        writer.write(piece)
        await writer.drain()
    writer.write_eof()
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    head: dict[str, Any] = json.loads(await reader.readexactly(length))
    return head


def _told_length(question: Question, head: Mapping[str, Any], length: int) -> int:
    """The length to tell: of an answer to HEAD, that of the body which is not sent."""
    told = next((value for name, value in head["headers"] if name.lower() == "content-length"), None)
    return int(told) if question.method == "HEAD" and told is not None else length


async def _pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: int) -> AsyncIterator[bytes]:
    try:
        while length:
            piece = await reader.read(min(length, _PIECE_BYTES))
            if not piece:
                raise EOFError(f"{length} bytes of an answer are missing")
            length -= len(piece)
            yield piece
    finally:
        writer.close()
