"""The server asked from within its own process: by threads that carry out stacks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lamina.gateway.messages import Request
from lamina.gateway.server import Gateway
from lamina.operations.stacks.clients import Asked, Told


def within(gateway: Callable[[], Gateway]) -> Callable[[Asked], Told]:
    """What asks *gateway*, from any thread but that of the loop this is called on."""
    loop = asyncio.get_running_loop()

    def ask(asked: Asked) -> Told:
        request = Request(asked.method, asked.target, asked.headers, True, [asked.body], len(asked.body))
        answer = asyncio.run_coroutine_threadsafe(gateway().answer(request), loop).result()
        assert isinstance(answer.body, bytes), "nothing that is streamed is asked for"
        return Told(answer.status, dict(answer.headers), answer.body)

    return ask
