"""A server for one command: in a thread of its process, at a Unix socket, with a state that goes when it does.

The state lies in a folder of the temporary ones, locked for as long as the command lives; what a killed command left
there, the next one removes.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from lamina import errors
from lamina.main import Built, Choices, build
from lamina.names import FunctionArn, Scope
from lamina.operations.call import Call
from lamina.settings import Settings
from lamina.state_folder import exclusive
from lamina.worker import runtimes
from lamina.worker.runtimes import RuntimeNotInstalled

T = TypeVar("T")

_PREFIX: Final = "lamina-run-"
_READY_SECONDS_MAX: Final = 30
_STOP_SECONDS_MAX: Final = 30


@dataclass(frozen=True, slots=True)
class ThrowAway:
    """A running server. `address` is its Unix socket; files put into `archives` are its S3, their names the keys."""

    address: Path
    archives: Path
    scope: Scope
    _built: Built
    _loop: asyncio.AbstractEventLoop

    def runtimes(self) -> tuple[str, ...]:
        """The runtimes that functions can have here, in no order."""
        return tuple(self._wait(self._built.worker.runtimes()).kits)

    def obstacle(self, runtime: str) -> str | None:
        """Why *runtime* cannot be had, and how to get it; None where it can."""
        try:
            self._wait(self._built.worker.runtimes()).kit(runtime)
        except RuntimeNotInstalled as error:
            return str(error)
        return None

    def connect(self, function: str, port: int) -> socket.socket:
        """A connection to a port inside an environment of *function*. Raises OSError; none may have begun yet."""
        arn = FunctionArn(self.scope, function, None)
        return self._wait(self._built.worker.connect(arn, port))

    @contextlib.contextmanager
    def visiting(
        self, function: str, argv: Sequence[str], variables: Mapping[str, str], streams: Sequence[int]
    ) -> Iterator[Future[int]]:
        """Run *argv* with three standard *streams* in an environment of *function*, and *variables* beside its own.

        Gives its exit status to be, or what kept it from starting; at the end of the `with` it is ended.
        """

        async def visit() -> int:
            spec = await self._built.invocations.spec_of(FunctionArn(self.scope, function, None))
            return await self._built.worker.visit(spec, argv, variables, streams)

        ended = asyncio.run_coroutine_threadsafe(visit(), self._loop)
        try:
            yield ended
        finally:
            ended.cancel()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextlib.contextmanager
def throw_away(
    settings: Settings, *, hear: Callable[[str], None] | None = None, patient: bool = False
) -> Iterator[ThrowAway]:
    """A server by *settings*, but for where it listens and keeps its state, for the time of the `with`.

    *hear* is told all that functions and the platform say; a *patient* one hurries no function that is initialised.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        archives = folder / "archives"
        archives.mkdir()
        find = partial(runtimes.find, settings.state_dir)
        choices = Choices(find, _Folder(archives), hear, patient, compiles=False, grace_s=0)
        with exclusive(folder), _served(replace(settings, state_dir=folder, tracing=None), choices) as (built, loop):
            yield ThrowAway(_socket(folder), archives, Scope(settings.account_id, settings.region), built, loop)


def _socket(folder: Path) -> Path:
    return folder / "api.sock"


@contextlib.contextmanager
def _served(settings: Settings, choices: Choices) -> Iterator[tuple[Built, asyncio.AbstractEventLoop]]:
    ready: Future[tuple[Built, asyncio.AbstractEventLoop]] = Future()
    stop = asyncio.Event()

    async def serve() -> None:
        async with contextlib.AsyncExitStack() as house:
            built = await build(settings, house, choices)
            await built.gateway.listen_unix(_socket(settings.state_dir))
            ready.set_result((built, asyncio.get_running_loop()))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=run, name="server")
    thread.start()
    try:
        yield ready.result(_READY_SECONDS_MAX)
    finally:
        # Whatever interrupted us has done so once: the server still has to clear up.
        with contextlib.suppress(Exception):
            _, loop = ready.result(_READY_SECONDS_MAX)
            loop.call_soon_threadsafe(stop.set)
        thread.join(_STOP_SECONDS_MAX)


@dataclass(frozen=True, slots=True)
class _Folder:
    """Archives in a folder, in the place of S3."""

    folder: Path

    def fetch(self, call: Call, bucket: str, key: str, version: str | None, bytes_max: int) -> bytes:
        try:
            return (self.folder / os.path.basename(key)).read_bytes()
        except OSError as error:
            raise errors.invalid_parameter_value(f"{key} cannot be read: {error.strerror}") from error


def _remove_abandoned(below: Path) -> None:
    """Remove the state of those that were killed: nobody holds the lock on it."""
    for folder in below.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid != os.geteuid() or folder.is_symlink():
                continue
            # A folder without a lock is one that is just being made.
            descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
