"""The services that are offered, and which of them a request is for.

A service is a name, its API (botocore's model) and the handlers of the operations that are built; adding one takes
nothing else of the gateway. Requests of the json protocol name their service in X-Amz-Target; any other one is told
by what it was signed for, and is the first service's where it was not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lamina import errors
from lamina.operations.call import Handler
from lamina.wire import Api

_TARGET = "x-amz-target"


@dataclass(frozen=True)
class Service:
    """One service. `target` is the first word of its X-Amz-Target, None for protocols without that header.

    What makes the handlers is called when the service is loaded.
    """

    name: str
    make_handlers: Callable[[], Mapping[str, Handler]] = field(repr=False)
    target: str | None = None
    # The code of an error that is ours.
    failure: str = "InternalFailure"

    @cached_property
    def api(self) -> Api:
        """Read from botocore's files when first asked for, which takes a hundredth of a second or several."""
        return Api.load(self.name)

    @property
    def is_loaded(self) -> bool:
        return "api" in self.__dict__

    @cached_property
    def handlers(self) -> Mapping[str, Handler]:
        """Operation name -> handler, for every operation that is built."""
        return self.make_handlers()

    def load(self) -> None:
        """Have `handlers` made and `api` read, by whichever thread may take the time."""
        _ = self.handlers
        _ = self.api

    @cached_property
    def _waiting(self) -> frozenset[str]:
        return frozenset(name for name, handler in self.handlers.items() if inspect.iscoroutinefunction(handler))

    def waits(self, operation: str) -> bool:
        """Whether the handler of *operation* is a coroutine function."""
        return operation in self._waiting

    def handler(self, operation: str) -> Handler:
        """What answers *operation*; raises an error of the operation's own model where it is not built."""
        handler = self.handlers.get(operation)
        if handler is None:
            raise errors.not_implemented(operation, self.api.refusal_code(operation))
        return handler


class Services:
    """All that are offered; the first is asked by whoever signs nothing."""

    def __init__(self, services: Sequence[Service]) -> None:
        self.first = services[0]
        self._by_name = {service.name: service for service in services}
        self._by_target = {service.target: service for service in services if service.target is not None}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    def offers(self, headers: Mapping[str, str], signed_for: str | None) -> bool:
        """Whether a request with *headers*, signed for the service called *signed_for*, names one of these."""
        target = headers.get(_TARGET)
        return signed_for in self._by_name or (target is not None and target.partition(".")[0] in self._by_target)

    def asked(self, headers: Mapping[str, str], signed_for: str | None) -> Service:
        """The service that a request with *headers* is for, signed for the service called *signed_for*."""
        target = headers.get(_TARGET)
        named = None if target is None else self._by_target.get(target.partition(".")[0])
        return named or self._by_name.get(signed_for or self.first.name, self.first)
