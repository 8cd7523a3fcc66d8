"""Invocations whose response is handed on while the function gives it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lamina.invocations.calls import InvocationType, Outcome
from lamina.invocations.streams import Closing
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.invocations import Asked, InvocationOperations
from lamina.operations.response_streams import ResponseStream


@dataclass(frozen=True, slots=True)
class Streaming:
    """An invocation that has begun to answer, in pieces or all at once, or has ended.

    `stream.began` tells which. `running` gives the outcome in the end; whoever reads no further tells `stream` so.
    """

    asked: Asked
    stream: ResponseStream
    running: asyncio.Task[Outcome]


class StreamingOperations:
    """InvokeWithResponseStream, and what function URLs that stream need of it."""

    def __init__(self, invocations: InvocationOperations) -> None:
        self._invocations = invocations
        self._running: set[asyncio.Task[Outcome]] = set()

    async def close(self) -> None:
        """End what nobody waits for any more."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def invoke_with_response_stream(self, call: Call, request: Parameters) -> Output:
        asked = await self._invocations.look_at(call, request)
        if asked.kind is InvocationType.DRY_RUN:
            return {"StatusCode": 204}
        streaming = await self._begin(asked)
        return {
            "StatusCode": 200,
            "ExecutedVersion": asked.function.version,
            "EventStream": Closing(_events(streaming), streaming.stream.discard),
        }

    async def begin(self, call: Call, request: Parameters) -> Streaming:
        """Run what *request* asks for, until it begins to answer. Raises AWS's errors for what cannot be run."""
        return await self._begin(await self._invocations.look_at(call, request))

    async def _begin(self, asked: Asked) -> Streaming:
        stream = ResponseStream()
        asked = replace(asked, invocation=replace(asked.invocation, sink=stream))
        # A task of its own: it goes on when its caller has gone.
        running = asyncio.ensure_future(self._run(asked, stream))
        self._running.add(running)
        running.add_done_callback(self._ended)
        try:
            await stream.wait_begun()
        except asyncio.CancelledError:
            stream.discard()
            raise
        if not stream.began:
            # What kept it from running is the caller's error.
            await running
        return Streaming(asked, stream, running)

    async def _run(self, asked: Asked, stream: ResponseStream) -> Outcome:
        try:
            return await self._invocations.run(asked)
        finally:
            stream.finish()

    def _ended(self, running: asyncio.Task[Outcome]) -> None:
        self._running.discard(running)
        if not running.cancelled():
            # Looked at, so that nothing is said of an error that nobody was left to get.
            running.exception()


async def _events(streaming: Streaming) -> AsyncGenerator[Mapping[str, Any], None]:
    """PayloadChunk for each piece, and InvokeComplete."""
    async for piece in streaming.stream.pieces():
        yield {"PayloadChunk": {"Payload": piece}}
    outcome = await streaming.running
    complete: dict[str, str] = {}
    if outcome.function_error is not None:
        complete = {"ErrorCode": outcome.function_error, "ErrorDetails": outcome.payload.decode(errors="replace")}
    elif not streaming.stream.began:
        yield {"PayloadChunk": {"Payload": outcome.payload}}
    if streaming.asked.invocation.with_log:
        complete["LogResult"] = base64.b64encode(outcome.log_tail).decode()
    yield {"InvokeComplete": complete}
