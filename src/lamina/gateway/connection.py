"""One client's connection: its requests one after the other, its answers in the same order, its time limits.

Requests that arrive while one is being answered (pipelining) wait, and nothing more is read meanwhile. A client that
goes away does not end what it has asked for: on AWS, too, an invocation goes on without its caller.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from concurrent.futures import Executor
from typing import Final, Protocol, cast

from lamina.gateway.heads import CONTINUE, has_body, head
from lamina.gateway.intake import Intake
from lamina.gateway.messages import Answer, Refusal, Request, Timeouts
from lamina.gateway.reading import OpenIntake, Reader
from lamina.invocations.streams import BrokenOff

_log = logging.getLogger(__name__)
# One for all, as nothing stays in it: to have room for this much anew takes longer than to receive a small request.
_ROOM: Final = memoryview(bytearray(64 * 1024))
# A sender with less than that at hand is waited for better by the loop.
_DRAWN_BYTES_MIN: Final = 16 * 1024


class Owner(Protocol):
    """What a connection needs of the gateway that accepted it."""

    timeouts: Timeouts
    threads: Executor

    def opened(self, connection: Connection) -> None: ...

    def closed(self, connection: Connection) -> None: ...


class Connection(asyncio.BufferedProtocol):
    """The server's side of one connection. *answer* must answer any request and never raise.

    Large bodies are taken in by what *open_intake* gives. With a *refusal* that is the answer to anything.
    """

    _transport: asyncio.Transport

    def __init__(
        self,
        owner: Owner,
        answer: Callable[[Request], Awaitable[Answer]],
        open_intake: OpenIntake | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        self._owner, self._answer = owner, answer
        self._loop = asyncio.get_running_loop()
        self._open_intake = open_intake
        self._reader = Reader(self._deliver, self._expect_continue, open_intake and self._begin_intake, refusal)
        self._waiting: deque[Request] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._continue_due = False
        self._finishing = self._lingering = False
        # Whether reading was stopped, and whether the client has said that no more will come.
        self._paused = self._at_end = False
        self._deadline: float | None = None
        self._body_began: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone = False
        self._peer, self._scheme = "", "http"

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else "127.0.0.1"
        self._scheme = "http" if transport.get_extra_info("ssl_object") is None else "https"
        self._owner.opened(self)
        self._wait_at_most(self._owner.timeouts.idle_s)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _ROOM

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(_ROOM[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Some of what the client sends has come."""
        if self._lingering:
            return
        began_in_head, began_busy = self._reader.in_head, self._serving is not None
        self._reader.feed(data)
        if self._serving is not None:
            if began_busy:
                # What has come behind the request being served is enough until that one is answered.
                self._paused = True
                self._transport.pause_reading()
        elif self._reader.in_body:
            self._wait_for_body()
            if len(data) >= _DRAWN_BYTES_MIN:
                self._draw()
        elif self._reader.in_head and not began_in_head:
            self._wait_at_most(self._owner.timeouts.head_s)

    def _draw(self) -> None:
        """Have a thread receive what comes at once of a large body: sooner than the loop and a thread by turns."""
        handed = None if self._scheme == "https" else self._reader.hand_over()
        if handed is None:
            return
        intake, size = handed
        try:
            sender = self._transport.get_extra_info("socket").dup()
        except OSError:
            # No descriptors are left: it comes as what is smaller does.
            return
        self._transport.pause_reading()
        drawn = self._loop.run_in_executor(self._owner.threads, intake.draw, sender, size)
        drawn.add_done_callback(self._drawn)

    def _drawn(self, drawn: asyncio.Future[int]) -> None:
        if self._gone or drawn.cancelled():
            return
        failure = drawn.exception()
        if failure is not None:
            _log.error("a connection failed while a body came", exc_info=failure)
            self._transport.abort()
            return
        self._reader.drew(drawn.result())
        self._transport.resume_reading()
        if self._reader.in_body:
            self._wait_for_body()

    def eof_received(self) -> bool:
        # A client may close its half and still read: keep ours while there is something to answer.
        self._at_end = True
        return self._serving is not None or bool(self._waiting)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        self._reader.abandon()
        self._waiting.clear()
        self._writable.set()
        self._stop_waiting()
        self._owner.closed(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # Called by the gateway.

    @property
    def task(self) -> asyncio.Task[None] | None:
        """What answers the current request, if there is one; it outlives the connection."""
        return self._serving

    @property
    def coming_bytes(self) -> int:
        """How much it holds of a request that is not all there."""
        return self._reader.body_bytes

    @property
    def waits_since(self) -> float | None:
        """Since when, by the loop's clock, it waits for a whole head; None while there is more to it than that."""
        if self._deadline is None or self._serving is not None or self._reader.in_body:
            return None
        return self._deadline - self._next_wait_s()

    def finish(self) -> None:
        """Close once what has been asked is answered: at once when nothing was."""
        self._finishing = True
        if self._serving is None and not self._reader.in_head and not self._reader.in_body:
            self._transport.close()

    def abort(self) -> None:
        """Close now, whatever is going on."""
        self._transport.abort()

    # A request's way through.

    def _deliver(self, request: Request) -> None:
        request.peer, request.scheme = self._peer, self._scheme
        self._waiting.append(request)
        if self._serving is None:
            self._serve_next()

    def _begin_intake(self, request: Request) -> Intake | None:
        assert self._open_intake is not None, "nobody takes anything in"
        request.peer, request.scheme = self._peer, self._scheme
        return self._open_intake(request)

    def _expect_continue(self) -> None:
        # With an answer still to be written it would come before that answer, and be taken for the wrong request's.
        if self._serving is None:
            self._transport.write(CONTINUE)
        else:
            self._continue_due = True

    def _serve_next(self) -> None:
        request = self._waiting.popleft()
        self._deadline = self._body_began = None
        self._serving = self._loop.create_task(self._serve(request))

    def _served(self) -> None:
        self._serving = None
        if self._gone:
            return
        if self._transport.is_closing():
            # What is written and not taken keeps it until then.
            self._wait_at_most(self._owner.timeouts.write_s)
            return
        if self._waiting:
            self._serve_next()
            return
        if self._at_end or (self._finishing and not self._reader.in_head and not self._reader.in_body):
            self._transport.close()
            return
        if self._continue_due:
            self._continue_due = False
            self._transport.write(CONTINUE)
        self._resume_reading()
        if self._reader.in_body:
            self._wait_for_body()
        else:
            self._wait_at_most(self._next_wait_s())

    async def _serve(self, request: Request) -> None:
        try:
            answer = await self._answer(request)
            try:
                await self._send(request, answer)
            finally:
                if not isinstance(answer.body, bytes):
                    await _close(answer.body)
        except Exception:  # noqa: BLE001 - nobody else would hear of it
            _log.exception("a connection failed while answering")
            self._transport.abort()
        finally:
            # Not by a callback of the task: what came meanwhile would wait for another turn of the loop.
            self._served()

    async def _send(self, request: Request, answer: Answer) -> None:
        if self._gone:
            return
        ends_with_connection = answer.length is None and not request.takes_chunks
        keep_alive = request.keep_alive and not self._finishing and not ends_with_connection
        head_bytes = head(answer, keep_alive=keep_alive, chunked=request.takes_chunks)
        if request.method == "HEAD" or not has_body(answer.status):
            self._transport.write(head_bytes)
        elif isinstance(answer.body, bytes):
            self._transport.writelines((head_bytes, answer.body))
        elif isinstance(answer.body, AsyncIterator):
            self._transport.write(head_bytes)
            await self._send_stream(answer.body, chunked=answer.length is None and request.takes_chunks)
        else:
            self._transport.write(head_bytes)
            await self._send_chunks(answer.body, answer.length or 0)
        await self._wait_writable()
        if request.refusal is not None:
            self._linger()
        elif not keep_alive:
            self._transport.close()

    async def _send_chunks(self, chunks: Iterator[bytes], length: int) -> None:
        sent = 0
        while not self._gone:
            # Reading a file is waiting too: not on the loop.
            chunk = await self._loop.run_in_executor(self._owner.threads, next, chunks, None)
            if chunk is None:
                break
            self._transport.write(chunk)
            sent += len(chunk)
            await self._wait_writable()
        if not self._gone and sent != length:
            # Too late for another status: a connection cut short is the only way left to say it.
            _log.error("an answer of %d bytes ended after %d", length, sent)
            self._transport.abort()

    async def _send_stream(self, pieces: AsyncIterator[bytes], *, chunked: bool) -> None:
        """Send *pieces* as they come, and ask for the next one only when the client has taken those before."""
        try:
            async for piece in pieces:
                if chunked and piece:
                    self._transport.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
                else:
                    self._transport.write(piece)
                await self._wait_writable()
                if self._gone or self._transport.is_closing():
                    return
        except BrokenOff:
            self._transport.abort()
            return
        except Exception:  # noqa: BLE001 - whatever it was, too late for another status
            _log.exception("an answer was broken off")
            self._transport.abort()
            return
        if chunked:
            self._transport.write(b"0\r\n\r\n")

    async def _wait_writable(self) -> None:
        timeouts = self._owner.timeouts
        while not self._writable.is_set():
            left = self._transport.get_write_buffer_size() - timeouts.rate * timeouts.write_s
            try:
                async with asyncio.timeout(timeouts.write_s):
                    await self._writable.wait()
            except TimeoutError:
                if self._transport.get_write_buffer_size() > left:
                    self._transport.abort()
                    return

    def _linger(self) -> None:
        """Close in the way that lets the refusal be read: take in, and drop, what the client is still sending."""
        self._lingering = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._resume_reading()
        self._wait_at_most(self._owner.timeouts.linger_s)

    def _resume_reading(self) -> None:
        # Telling the kernel costs as much as reading a small request does.
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    # Time limits: one timer, moved only when it is too late already or must come earlier.

    def _next_wait_s(self) -> float:
        timeouts = self._owner.timeouts
        if self._lingering:
            return timeouts.linger_s
        return timeouts.head_s if self._reader.in_head else timeouts.idle_s

    def _wait_for_body(self) -> None:
        """As long as it goes on, and what has come is not less than the slowest may have sent by then."""
        timeouts, now = self._owner.timeouts, self._loop.time()
        if self._body_began is None:
            self._body_began = now
        behind_s = self._body_began + self._reader.body_bytes / timeouts.rate - now
        self._wait_at_most(timeouts.body_s + min(0.0, behind_s))

    def _wait_at_most(self, seconds: float) -> None:
        self._deadline = self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._look_at_clock)

    def _stop_waiting(self) -> None:
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at_clock(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._look_at_clock)
            return
        # Not close(): what can't be written to a client that doesn't read would keep the connection for ever.
        self._transport.abort()


async def _close(body: Iterator[bytes] | AsyncIterator[bytes]) -> None:
    if isinstance(body, AsyncIterator):
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()
    elif isinstance(body, Generator):
        try:
            body.close()
        except ValueError:
            # A thread is reading its next chunk this moment; it is closed when that thread lets go of it.
            _log.debug("an answer was given up while its next chunk was being read")
