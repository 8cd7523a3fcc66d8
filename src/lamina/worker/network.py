"""The network that functions get from this process: found out once, at the start, as `worker.machine` is."""

from __future__ import annotations

import asyncio
import os
import select
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lamina.sandbox import user_network
from lamina.sandbox.host_network import HostNetwork, own_networks
from lamina.sandbox.network import WAY_OUT, Mode, Router, plan_router, resolver_configuration
from lamina.worker.resolver import Resolver
from lamina.worker.zygotes import Blank, SandboxFailed, Zygote

_HELPER_SECONDS_MAX: Final = 10.0


@dataclass(slots=True)
class Network:
    """How functions reach the world: `mode` is what they really have, `why` tells what keeps them from "outbound"."""

    mode: Mode
    why: str = ""
    host: HostNetwork | None = None
    helper: Path | None = None

    @property
    def resolver_configuration(self) -> str:
        hosts = Path("/etc/resolv.conf").read_text(errors="replace") if self.mode == "host" else ""
        return resolver_configuration(self.mode, hosts)

    @property
    def sandbox_address(self) -> str:
        """What an environment is told to be its own address: where the host's network is all there is, loopback."""
        return "127.0.0.1" if self.mode == "host" else "169.254.100.1"

    def plan_router(self) -> Router | None:
        """What a zygote's namespace is to be made; None where it leads nowhere, or is the host's. Raises OSError."""
        if self.mode != "outbound":
            return None
        if self.host is not None:
            return plan_router(self.host.plan_uplink(), WAY_OUT)
        # What the helper opens for a function, it opens in the host's name: the host itself has to be kept from it.
        return plan_router(None, WAY_OUT, own_networks())

    async def connect(self, zygote: Zygote) -> Way:
        """The way out of a zygote that has begun; it is to be closed with the zygote. Raises SandboxFailed."""
        way = Way()
        if self.mode != "outbound":
            return way
        router = zygote.plan.router
        try:
            if self.host is not None and router is not None and router.uplink is not None:
                self.host.connect(router.uplink)
            elif self.helper is not None:
                way.helper = await _started(self.helper, zygote.pid)
            way.resolver = Resolver(*zygote.take_resolver())
        except OSError as error:
            await way.close()
            raise SandboxFailed(f"the network of {zygote.plan.runtime} could not be set up: {error}") from error
        return way

    def ports(self, blank: Blank) -> tuple[int, int] | None:
        """Where *blank* finds the Runtime API and the endpoint on loopback, if not at addresses of its own."""
        if self.mode != "host":
            return None
        return blank.listener.getsockname()[1], blank.endpoint.getsockname()[1]

    def close(self) -> None:
        if self.host is not None:
            self.host.close()


@dataclass(slots=True)
class Way:
    """What one zygote's network needs while it lives."""

    resolver: Resolver | None = None
    helper: asyncio.subprocess.Process | None = None

    async def close(self) -> None:
        if self.resolver is not None:
            self.resolver.close()
        if self.helper is not None:
            await _ended(self.helper)


def find(wanted: Mode, tag: str) -> Network:
    """The network this process can give, *wanted* or what comes nearest; *tag* is this server's own."""
    if wanted != "outbound":
        return Network(wanted)
    if os.geteuid() != 0:
        helper = user_network.find_helper()
        return Network("none", helper) if isinstance(helper, str) else Network("outbound", helper=helper)
    try:
        return Network("outbound", host=HostNetwork(tag))
    except OSError as error:
        return Network("none", str(error))


async def _started(helper: Path, pid: int) -> asyncio.subprocess.Process:
    read, write = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *user_network.command(helper, pid, write),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(write,),
        )
    finally:
        os.close(write)
    try:
        ready = await asyncio.to_thread(_read_within, read, _HELPER_SECONDS_MAX)
    finally:
        os.close(read)
    if not ready:
        raise OSError(f"{helper.name}: {await _ended(process) or 'is not ready'}")
    return process


def _read_within(descriptor: int, seconds: float) -> bytes:
    # Not select(2): a server has more descriptors than that knows.
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return os.read(descriptor, 64) if poll.poll(seconds * 1000) else b""


async def _ended(process: asyncio.subprocess.Process) -> str:
    """What *process* had to complain about, once it has ended."""
    # Nothing is said to it but that there is an end: that is what it waits for.
    _, complaint = await process.communicate(b"")
    return complaint.decode(errors="replace").strip()[-300:]
