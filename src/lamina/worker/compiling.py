"""Trees that wait for their byte-code: compiled in the background, one at a time, when it is quiet."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final, Protocol

from lamina.environments.compiling import cache_tag, compiling_begins
from lamina.names import Digest
from lamina.store import StoreError

# What waits longest is forgotten first; whoever needs it asks again.
_WAITING_MAX: Final = 256
# Most belong to functions that were deleted since; beyond this all may be tried again.
_FAILED_MAX: Final = 1_000
_log = logging.getLogger(__name__)


class Compiler(Protocol):
    """What makes byte-code."""

    async def compile(self, digest: Digest, runtime: str, like: Digest | None) -> None: ...


class ByteCode(Protocol):
    """Where it is kept."""

    def find(self, digest: Digest, tag: str) -> str | None: ...


class Compilations:
    """What *compiler* has to add to *code*. For one event loop."""

    def __init__(
        self, code: ByteCode, compiler: Compiler, begins: Callable[[float, float], float] = compiling_begins
    ) -> None:
        self._code = code
        self._compiler = compiler
        self._begins = begins
        self._waiting: dict[tuple[Digest, str], Digest | None] = {}
        self._failed: set[tuple[Digest, str]] = set()
        self._again = asyncio.Event()
        self._asked = 0.0
        self._working: asyncio.Task[None] | None = None
        self._closed = False

    def find(self, digest: Digest, tag: str) -> str | None:
        """Where the byte-code of a tree is, below the folder of all trees."""
        return self._code.find(digest, tag)

    def want(self, digest: Digest, runtime: str, like: Digest | None = None) -> None:
        """Have byte-code of the tree *digest* for *runtime* soon; *like* is a tree of which it may be a newer version.

        Asking for what there is, what cannot be had or what was asked for already, is harmless.
        """
        wanted, tag = (digest, runtime), cache_tag(runtime)
        if self._closed or tag is None or wanted in self._failed or self._code.find(digest, tag) is not None:
            return
        if wanted in self._waiting:
            return
        self._waiting[wanted] = like
        if len(self._waiting) > _WAITING_MAX:
            del self._waiting[next(iter(self._waiting))]
        self._asked = asyncio.get_running_loop().time()
        self._again.set()
        if self._working is None or self._working.done():
            self._working = asyncio.ensure_future(self._work())

    async def close(self) -> None:
        """Leave off."""
        self._closed = True
        self._waiting.clear()
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait([self._working])

    async def _work(self) -> None:
        while self._waiting:
            await self._wait_quiet()
            wanted, like = next(iter(self._waiting.items()))
            try:
                await self._compiler.compile(*wanted, like)
            except StoreError:
                # Deleted meanwhile. It may come again.
                _log.debug("no byte-code of %s", wanted[0], exc_info=True)
            except Exception as error:  # noqa: BLE001 - functions run without it, only slower
                if len(self._failed) >= _FAILED_MAX:
                    self._failed.clear()
                self._failed.add(wanted)
                _log.info("no byte-code of %s for %s: %s: %s", *wanted, type(error).__name__, error)
            finally:
                self._waiting.pop(wanted, None)

    async def _wait_quiet(self) -> None:
        loop = asyncio.get_running_loop()
        since = loop.time()
        with contextlib.suppress(TimeoutError):
            while True:
                self._again.clear()
                async with asyncio.timeout_at(self._begins(since, self._asked)):
                    await self._again.wait()
