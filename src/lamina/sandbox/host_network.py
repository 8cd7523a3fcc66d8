"""The host's part in letting root's functions out: uplinks' ends, one table of filters, and forwarding.

What is made here goes by itself when this process does, however it goes: the table belongs to our socket, an uplink to
the network namespace of its zygote. Forwarding is a switch of the whole machine's, so whoever switched it on is
remembered below /run, and the last server to end, or else the next to start, puts it back.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import json
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lamina.guest import netlink
from lamina.guest.netlink import Netlink
from lamina.sandbox.network import UPLINKS, Uplink, plan_host

_INTERFACES: Final = Path("/sys/class/net")
_FORWARDING: Final = "/proc/sys/net/ipv4/conf/{}/forwarding"
_NO_IPV6: Final = "/proc/sys/net/ipv6/conf/{}/disable_ipv6"
_REMEMBERED: Final = Path("/run/lamina/forwarding")
_TRIES: Final = 20


class HostNetwork:
    """What one server has on the host. Raises OSError where the host does not let it."""

    def __init__(self, tag: str) -> None:
        """*tag* is this server's own, six letters or digits; what an earlier one of it left is taken away."""
        self._prefix = f"lm{tag}"
        self._count = 0
        if (why := switches_why_not()) is not None:
            raise OSError(why)
        self._forwarding = _Forwarding(_REMEMBERED)
        self._filters = Netlink(netlink.NETFILTER)
        self._route = Netlink()
        try:
            self._sweep()
            guarded = self._forwarding.switch_on()
            batch = plan_host(f"lamina-{tag}", f"{self._prefix}*", guarded)
            self._filters.do_together(batch.data, batch.answers)
        except BaseException:
            self.close()
            raise

    def plan_uplink(self) -> Uplink:
        """A further uplink, whose name and addresses nobody on this machine has."""
        taken = _addresses()
        network = ipaddress.IPv4Network(UPLINKS)
        for _ in range(_TRIES):
            # At random, because servers that start at the same moment see the same addresses taken.
            first = network.network_address + 4 * secrets.randbelow(network.num_addresses // 4)
            if str(first + 1) not in taken:
                self._count += 1
                return Uplink(f"{self._prefix}{self._count}", str(first + 1), str(first + 2))
        raise OSError("no address for an uplink is free")

    def connect(self, uplink: Uplink) -> None:
        """Bring the host's end of *uplink* up, which the zygote has made."""
        with contextlib.suppress(FileNotFoundError):
            Path(_NO_IPV6.format(uplink.name)).write_text("1")
        _set_forwarding(uplink.name, on=True)
        index = socket.if_nametoindex(uplink.name)
        self._route.do(netlink.new_address(index, uplink.host_address, uplink.prefix), netlink.bring_up(index))

    def close(self) -> None:
        self._filters.close()
        self._sweep()
        self._route.close()
        self._forwarding.put_back()

    def _sweep(self) -> None:
        for name in os.listdir(_INTERFACES):
            if name.startswith(self._prefix):
                # Its other end's namespace may be on its way out, and take it along.
                with contextlib.suppress(OSError):
                    self._route.do(netlink.remove_link(name))


class _Forwarding:
    """The interfaces that pass packets on because of us, as all servers on this machine see them together.

    Each server holds the file's lock, shared, for as long as it needs them; who can have it alone is the last.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o755, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._path = path

    def switch_on(self) -> list[str]:
        """Have every interface forward that leads out of the machine; gives those that would not without us."""
        with self._alone_or_not() as alone:
            if alone:
                # Servers that were killed have left it on.
                self._restore()
            names = {*self._read(), *_that_do_not_forward()}
            os.truncate(self._file, 0)
            os.pwrite(self._file, json.dumps(sorted(names)).encode(), 0)
            for name in names:
                _set_forwarding(name, on=True)
        return sorted(names)

    def put_back(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._restore()
        os.close(self._file)

    @contextlib.contextmanager
    def _alone_or_not(self) -> Iterator[bool]:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            fcntl.flock(self._file, fcntl.LOCK_SH)
            alone = False
        yield alone
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def _restore(self) -> None:
        for name in self._read():
            _set_forwarding(name, on=False)
        os.truncate(self._file, 0)

    def _read(self) -> list[str]:
        try:
            names: list[str] = json.loads(os.pread(self._file, 65536, 0))
        except ValueError:
            return []
        return names


def _that_do_not_forward() -> list[str]:
    """The interfaces that routes lead out by, where packets that come in are not passed on."""
    lines = Path("/proc/net/route").read_text().splitlines()[1:]
    names = {line.split()[0] for line in lines if not line.startswith(("lo\t", "lm"))}
    return [name for name in names if Path(_FORWARDING.format(name)).read_text().strip() == "0"]


def _set_forwarding(name: str, *, on: bool) -> None:
    # An interface may have gone meanwhile.
    with contextlib.suppress(FileNotFoundError):
        Path(_FORWARDING.format(name)).write_text("1" if on else "0")


def _addresses() -> set[str]:
    """Every IPv4 address of this machine's own."""
    found: set[str] = set()
    address = ""
    for line in Path("/proc/net/fib_trie").read_text().splitlines():
        if "|--" in line:
            address = line.split()[-1]
        elif "host LOCAL" in line:
            found.add(address)
    return found


def why_not(tag: str) -> str | None:
    """What keeps this process from having its part on the host, if anything does: tried, and undone."""
    try:
        HostNetwork(tag).close()
    except OSError as error:
        return str(error)
    return None


def switches_why_not() -> str | None:
    """What keeps a network namespace of ours from becoming a router, if anything does: containers have it so."""
    read_only = os.statvfs("/proc/sys").f_flag & os.ST_RDONLY
    return "/proc/sys is read-only" if read_only else None


def own_networks() -> list[str]:
    """This machine's own addresses, as networks; loopback's, which nobody else has, among them."""
    return sorted({f"{address}/32" for address in _addresses()} | {"127.0.0.0/8"})
