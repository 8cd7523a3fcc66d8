"""What the client of a function URL gets of a response that is streamed: its head first, the rest as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from lamina.functions import urls
from lamina.functions.urls import UrlAnswer
from lamina.invocations.calls import Outcome
from lamina.invocations.streams import BrokenOff, Closing
from lamina.operations.response_streams import ResponseStream
from lamina.operations.streaming import Streaming


async def answer(streaming: Streaming) -> UrlAnswer:
    """The answer to a client whose function has begun to stream; it fails only while nothing was sent yet."""
    stream = streaming.stream
    answered = None
    try:
        answered = await _begun(stream, streaming.running)
    finally:
        if answered is None or isinstance(answered.body, bytes):
            stream.discard()
    return answered


async def _begun(stream: ResponseStream, running: asyncio.Task[Outcome]) -> UrlAnswer:
    pieces = stream.pieces()
    if stream.content_type == urls.INTEGRATION:
        head = await _head(pieces)
        if head is None:
            return urls.failed()
        prelude, first = head
        return urls.begun(prelude, Closing(_rest(first, pieces, running), stream.discard))
    found = await anext(pieces, None)
    if found is None:
        # It has ended with nothing said.
        failed = (await running).function_error is not None
        return urls.failed() if failed else urls.streamed(stream.content_type, b"")
    return urls.streamed(stream.content_type, Closing(_rest(found, pieces, running), stream.discard))


async def _head(pieces: AsyncIterator[bytes]) -> tuple[bytes, bytes] | None:
    """The prelude, and what came behind it in the same piece; None where it does not end, or not soon enough."""
    head = b""
    async for piece in pieces:
        head += piece
        prelude, end, rest = head.partition(urls.PRELUDE_END)
        if end:
            return prelude, rest
        if len(head) > urls.PRELUDE_BYTES_MAX:
            return None
    return None


async def _rest(
    first: bytes, pieces: AsyncIterator[bytes], running: asyncio.Task[Outcome]
) -> AsyncGenerator[bytes, None]:
    if first:
        yield first
    async for piece in pieces:
        yield piece
    if (await running).function_error is not None:
        raise BrokenOff
