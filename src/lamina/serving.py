"""Runs the server of `lamina up` until it is told to stop; sees first that it may listen where it shall."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lamina import heap
from lamina.catalog.sql import CatalogTooNew
from lamina.event_loop import new_event_loop
from lamina.main import Choices, build, origins
from lamina.server_log import begin as begin_log
from lamina.settings import BadSetting, Settings
from lamina.state_folder import exclusive
from lamina.worker import runtimes

if TYPE_CHECKING:
    from lamina.gateway.certificates import Certificates
    from lamina.gateway.guard import Guard


class StateTooNew(Exception):
    """A newer Lamina wrote what is in the state folder; the text says what to do."""


class NotGuarded(Exception):
    """The server cannot tell who calls it, and shall not answer then; *hint* says what to do."""

    def __init__(self, message: str, hint: str | None) -> None:
        super().__init__(message)
        self.hint = hint


def serve(settings: Settings, ready: Callable[[int], None]) -> None:
    """Serve until SIGINT or SIGTERM. *ready* is called with the port once the first request can be answered.

    Raises NotGuarded, StateInUse, StateTooNew, and OSError where the folder or the address cannot be had.
    """
    begin_log(settings.log_level, settings.log_format)
    heap.keep_small()
    # Cancelled is what a second signal does to it.
    with exclusive(settings.state_dir), contextlib.suppress(asyncio.CancelledError):
        choices = Choices(partial(runtimes.find, settings.state_dir), grace_s=settings.drain_s)
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(_serve(settings, ready, choices))
        except CatalogTooNew as error:
            raise StateTooNew(str(error)) from error


async def _serve(settings: Settings, ready: Callable[[int], None], choices: Choices) -> None:
    secured = _certificates(settings)
    stop = _stop_signal()
    async with contextlib.AsyncExitStack() as house:
        built = await build(settings, house, replace(choices, guard=_guard(settings)))
        await built.control.open(settings.state_dir)
        house.push_async_callback(built.control.close)
        port = await built.gateway.listen_tcp(settings.host, settings.port, secured)
        ready(port)
        await stop.wait()


def _guard(settings: Settings) -> Guard | None:
    """What verifies callers, if there are accounts. Raises NotGuarded if there must be, or they cannot be read."""
    if settings.accounts is None and not settings.accounts_file.exists():
        if _hears_this_machine_alone(settings.host):
            return None
        raise NotGuarded(
            f"whoever reaches {settings.host} could call this server, and it has no accounts to tell who may",
            f"`lamina account add` makes the first, in {settings.accounts_file}; or stay on 127.0.0.1.",
        )
    # Few servers have accounts.
    from lamina.accounts import AccountsFile, BadAccounts, sealing  # noqa: PLC0415
    from lamina.gateway.failures import Failures  # noqa: PLC0415
    from lamina.gateway.guard import Guard  # noqa: PLC0415

    try:
        secret = sealing.obtain(settings.state_dir / "sessions-v1.key")
        failures = Failures(settings.max_failed_signatures, origins(settings))
        return Guard(AccountsFile(settings.accounts_file), secret, failures)
    except BadAccounts as error:
        raise NotGuarded(str(error), error.hint) from error


def _certificates(settings: Settings) -> Certificates | None:
    """What the server speaks TLS with, if it is to. Raises BadSetting."""
    certificate, key = settings.tls_cert, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        here, missing = ("--tls-key", "--tls-cert") if certificate is None else ("--tls-cert", "--tls-key")
        raise BadSetting(here, str(key or certificate), f"given together with {missing}")
    # Few servers speak TLS themselves.
    from lamina.gateway.certificates import Certificates  # noqa: PLC0415

    try:
        return Certificates(certificate, key)
    except OSError as error:
        expected = f"a certificate in PEM that belongs to the key {key}, both for this user to read ({error})"
        raise BadSetting("--tls-cert", str(certificate), expected) from error


def _hears_this_machine_alone(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        # It cannot be listened on either, and then it is said why.
        return True
    addresses = (str(address[0]).removeprefix("::ffff:") for *_, address in found)
    return all(address.startswith("127.") or address == "::1" for address in addresses)


def _stop_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set; the second of them interrupts whatever still finishes."""
    loop = asyncio.get_running_loop()
    serving = asyncio.current_task()
    assert serving is not None
    stop = asyncio.Event()

    def signalled() -> None:
        if stop.is_set():
            serving.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signalled)
    return stop
