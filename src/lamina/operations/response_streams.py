"""A streamed response on its way from an environment to whoever asked for it, of which little is ever held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from lamina.invocations.streams import Sender

# What is held before the function is kept waiting. One read of a socket, 256 KB, may come on top.
_HELD_BYTES_MAX: Final = 256 * 1024


class ResponseStream:
    """An `invocations.streams.Sink` with an end to read from. `content_type` is the function's, once it `began`."""

    def __init__(self) -> None:
        self.began = False
        self.content_type: str | None = None
        # In one: pieces of a byte each would take forty times what they hold.
        self._held = bytearray()
        self._sender: Sender | None = None
        self._paused = self._finished = self._unwanted = False
        self._changed = asyncio.Event()

    # The environment's side.

    @property
    def held_bytes(self) -> int:
        return len(self._held)

    def begin(self, content_type: str | None, sender: Sender) -> None:
        self.began = True
        self.content_type, self._sender = content_type, sender
        self._changed.set()

    def put(self, piece: bytes) -> None:
        if self._unwanted:
            return
        self._held += piece
        self._changed.set()
        if self.held_bytes > _HELD_BYTES_MAX and not self._paused and self._sender is not None:
            self._paused = True
            self._sender.pause()

    def end(self) -> None:
        # What its connection is used for next must not wait for our reader.
        self._go_on()
        self._sender = None
        self._changed.set()

    async def wait_left(self) -> None:
        while self._sender is not None and not self._paused:
            await self._wait_changed()

    def finish(self) -> None:
        """The invocation is over, whether or not it ever streamed."""
        self._finished = True
        self._changed.set()

    # The reader's side.

    async def wait_begun(self) -> None:
        """Returns when the function has begun to stream, or its invocation is over."""
        while not self.began and not self._finished:
            await self._wait_changed()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """What was streamed, up to the end of the invocation; pieces that have gathered come as one."""
        while True:
            if self._held:
                gathered, self._held = bytes(self._held), bytearray()
                self._go_on()
                yield gathered
            elif self._finished:
                return
            else:
                await self._wait_changed()

    def discard(self) -> None:
        """Nobody reads any more. The function is not told: on AWS, too, it goes on without its client."""
        self._unwanted = True
        self._held.clear()
        self._go_on()

    async def _wait_changed(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _go_on(self) -> None:
        if self._paused and self._sender is not None:
            self._paused = False
            self._sender.resume()
